//! Files: what is taken, what is refused, who may fetch them.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{jpeg, paper, pdf, rehearsal, send_file};
use crate::house::House;
use crate::people::{Person, text};

#[tokio::test]
async fn a_file_is_fetched_by_its_driver_and_by_admins_and_by_nobody_else() {
    let house = rehearsal();
    let driver = Person::applicant(&house).await;
    let sent = send_file(&driver, "licence", "application/pdf", pdf("")).await.expect(200);
    assert_eq!((&sent["kind"], &sent["state"]), (&json!("licence"), &json!("submitted")));
    assert_eq!(sent["file"], json!({"content_type": "application/pdf", "size_bytes": pdf("").len()}));

    let own = "/drivers/me/documents/licence/file";
    let answer = driver.api.get(own).await;
    assert_eq!((answer.status, answer.text.as_bytes()), (200, pdf("").as_slice()));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment; filename=\"licence.pdf\""),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer}");
    }
    let path = format!("/admin/drivers/{}/documents/{}/file", driver.id, text(&sent["id"]));
    assert_eq!(house.admin().await.api.get(&path).await.text.as_bytes(), pdf(""));
    let other = Person::applicant(&house).await;
    other.api.get(own).await.refused(404, "not_found");
    other.api.get(&path).await.refused(403, "forbidden");
    house.api().get(&path).await.refused(401, "unauthenticated");
    let crossed = format!("/admin/drivers/{}/documents/{}/file", other.id, text(&sent["id"]));
    house.admin().await.api.get(&crossed).await.refused(404, "not_found");
    driver.api.get("/drivers/me/documents/poem/file").await.refused(404, "not_found");
}

#[tokio::test]
async fn what_lies_on_disk_is_sealed_and_without_the_cameras_notes() {
    let house = House::start(&[]);
    let driver = Person::applicant(&house).await;
    let sent = send_file(&driver, "photo", "image/jpeg", jpeg(640, 480)).await.expect(200);
    let kept = sent["file"]["size_bytes"].as_u64().expect("a size");
    assert!(kept < jpeg(640, 480).len() as u64, "the place is gone: {kept}");
    assert!(!driver.api.get("/drivers/me/documents/photo/file").await.text.contains("GPS"));
    let files: Vec<_> = std::fs::read_dir(house.data_dir().join("files")).expect("there").flatten().collect();
    assert_eq!(files.len(), 1);
    let sealed = std::fs::read(files[0].path()).expect("it can be read");
    assert!(!sealed.windows(2).any(|pair| pair == [0xFF, 0xD8]) || !sealed.starts_with(&[0xFF, 0xD8]));
    assert_eq!(sealed.len() as u64, kept + 16, "as long as it is, and a seal");
}

#[tokio::test]
async fn other_files_are_refused_with_the_reason() {
    let house = rehearsal();
    let driver = Person::applicant(&house).await;
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0word/document.xml".to_vec();
    let html = b"<!DOCTYPE html><script>alert(1)</script>".to_vec();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let polyglot = [jpeg(9, 9), zip.clone()].concat();
    let truncated = jpeg(640, 480)[..60].to_vec();
    let bomb = jpeg(65_535, 65_535);
    for (kind, content_type, bytes, reason) in [
        ("licence", "application/pdf", zip.clone(), "is not a JPEG"),
        ("licence", "image/png", html, "is not a JPEG"),
        ("licence", "image/png", svg, "is not a JPEG"),
        ("licence", "image/jpeg", pdf(""), "was sent as image/jpeg"),
        ("licence", "image/jpeg", polyglot, "two files in one"),
        ("licence", "image/jpeg", truncated, "cut short"),
        ("licence", "image/jpeg", bomb, "65535 by 65535"),
        ("licence", "application/pdf", pdf("/OpenAction << /S /JavaScript >>"), "a script"),
        ("licence", "application/pdf", Vec::new(), "is not a JPEG"),
        ("photo", "application/pdf", pdf(""), "is not a picture"),
    ] {
        let answer = send_file(&driver, kind, content_type, bytes).await;
        let body = answer.refused(422, "invalid_value");
        assert!(answer.blames("file") && body.to_string().contains(reason), "{reason}: {answer}");
    }
    for content_type in ["application/zip", "image/svg+xml", "text/html", "", "image/jpeg2"] {
        send_file(&driver, "licence", content_type, zip.clone()).await.refused(415, "unsupported_media_type");
    }
    send_file(&driver, "licence", "image/jpeg", vec![0xFF; 10_000_001]).await.refused(413, "body_too_large");
    send_file(&driver, "poem", "image/jpeg", jpeg(9, 9)).await.refused(404, "not_found");
    send_file(&driver, "cooperative", "image/jpeg", jpeg(9, 9)).await.refused(409, "no_document");
    let newcomer = Person::driver_without_papers(&house).await;
    send_file(&newcomer, "photo", "image/jpeg", jpeg(9, 9)).await.refused(409, "no_papers");
    assert_eq!(paper(&driver, "licence").await["file"], json!(null), "nothing of that was kept");
}

#[tokio::test]
async fn a_scanner_is_asked_about_every_file() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let known = eicar.clone();
    let scanner = tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let (mut bytes, mut head) = (Vec::new(), [0; 10]);
            stream.read_exact(&mut head).await.expect("a command");
            loop {
                let length = stream.read_u32().await.expect("a length");
                if length == 0 {
                    break;
                }
                let mut piece = vec![0; usize::try_from(length).expect("32 bits")];
                stream.read_exact(&mut piece).await.expect("a piece");
                bytes.extend(piece);
            }
            let is_known = String::from_utf8_lossy(&bytes).contains(&known);
            let verdict: &[u8] = if is_known { b"stream: Eicar FOUND\0" } else { b"stream: OK\0" };
            stream.write_all(verdict).await.expect("it listens");
        }
    });
    let mut house = House::start(&[("malware.scanner", "clamd"), ("malware.address", &address)]);
    house.expect_complaint("something is away");
    let driver = Person::applicant(&house).await;
    send_file(&driver, "licence", "application/pdf", pdf("")).await.expect(200);
    let infected = pdf(&format!("/Author ({})", eicar.replace('(', "\\(").replace(')', "\\)")));
    let hidden = send_file(&driver, "licence", "application/pdf", infected).await;
    assert_eq!(hidden.status, 200, "written otherwise it is another file: {hidden}");
    let behind = [jpeg(9, 9), eicar.into_bytes()].concat();
    let answer = send_file(&driver, "licence", "image/jpeg", behind).await;
    assert!(answer.refused(422, "invalid_value").to_string().contains("malware"), "{answer}");
    scanner.abort();
    let _ = scanner.await;
    let away = send_file(&driver, "licence", "application/pdf", pdf("")).await;
    away.refused(503, "unavailable");
    assert!(away.header("retry-after").is_some());
}
