//! The shelves, and files that are not what was put.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes as Body;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use ring::{digest, hmac};

use super::*;
use crate::redact::Secret;
use crate::vault::KeyRing;

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A bucket that looks at every signature, and fails as often as it is told to.
#[derive(Default)]
struct Fake {
    files: Mutex<BTreeMap<String, Body>>,
    failures: Mutex<u32>,
    host: Mutex<String>,
}

/// SigV4 in the query string, written out by hand from its description.
fn is_signed(method: &Method, uri: &Uri, host: &str) -> bool {
    let query = uri.query().unwrap_or_default();
    let parts: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let signed: Vec<String> = parts
        .iter()
        .filter(|(name, _)| **name != "X-Amz-Signature")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let canonical = format!("{method}\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", uri.path(), signed.join("&"));
    let (at, day) = (parts["X-Amz-Date"], &parts["X-Amz-Date"][..8]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{day}/rw-kigali/s3/aws4_request\n{hashed}");
    let mac =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let key = [day, "rw-kigali", "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &text)) == parts["X-Amz-Signature"]
}

async fn serve(State(fake): State<Arc<Fake>>, method: Method, uri: Uri, body: Body) -> (StatusCode, Body) {
    let nothing = Body::new();
    {
        let mut failures = fake.failures.lock().expect("whole");
        if *failures > 0 {
            *failures -= 1;
            return (StatusCode::SERVICE_UNAVAILABLE, nothing);
        }
    }
    if !is_signed(&method, &uri, &fake.host.lock().expect("whole")) {
        return (StatusCode::FORBIDDEN, nothing);
    }
    let mut files = fake.files.lock().expect("whole");
    let name = uri.path().to_owned();
    match (method, files.get(&name)) {
        (Method::PUT, _) => {
            files.insert(name, body);
            (StatusCode::OK, nothing)
        }
        (Method::GET, Some(file)) => (StatusCode::OK, file.clone()),
        (Method::DELETE, _) => {
            files.remove(&name);
            (StatusCode::NO_CONTENT, nothing)
        }
        _ => (StatusCode::NOT_FOUND, nothing),
    }
}

async fn bucket() -> (Arc<Fake>, s3::Config) {
    let fake = Arc::new(Fake::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = listener.local_addr().expect("bound").to_string();
    host.clone_into(&mut fake.host.lock().expect("whole"));
    let router = Router::new().fallback(serve).with_state(Arc::clone(&fake));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = s3::Config {
        endpoint: format!("http://{host}"),
        bucket: "papers".into(),
        region: "rw-kigali".into(),
        is_path_style: true,
        access_key: "boda".into(),
        secret_key: Secret::new(SECRET_KEY.into()),
        timeout: Span::from_secs(5),
        attempts_max: 3,
        file_bytes_max: 1_000,
    };
    (fake, config)
}

fn open(config: &s3::Config) -> s3::S3 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    s3::S3::open(config, reqwest::Client::new()).expect("an address")
}

#[tokio::test]
async fn a_bucket_keeps_what_was_put_under_signed_requests() {
    let (fake, config) = bucket().await;
    let shelf = open(&config);
    assert_eq!(shelf.get("a").await.expect("asked"), None);
    shelf.put("a", Bytes::from_static(b"sealed")).await.expect("put");
    assert_eq!(shelf.get("a").await.expect("asked").as_deref(), Some(b"sealed".as_slice()));
    assert_eq!(fake.files.lock().expect("whole").keys().collect::<Vec<_>>(), ["/papers/a"]);
    shelf.delete("a").await.expect("deleted");
    shelf.delete("a").await.expect("deleted before");
    assert_eq!(shelf.get("a").await.expect("asked"), None);
    let stranger = open(&s3::Config { secret_key: Secret::new("another".into()), ..config.clone() });
    assert_eq!(stranger.put("b", Bytes::new()).await.expect_err("refused").code(), "unavailable");
    shelf.put("large", vec![0; 1_001].into()).await.expect("put");
    assert_eq!(shelf.get("large").await.expect_err("too large").code(), "internal");
}

#[tokio::test]
async fn a_bucket_in_trouble_is_asked_again_and_then_away() {
    let (fake, config) = bucket().await;
    let shelf = open(&config);
    *fake.failures.lock().expect("whole") = 2;
    shelf.put("a", Bytes::from_static(b"sealed")).await.expect("the third attempt");
    *fake.failures.lock().expect("whole") = 3;
    let away = shelf.get("a").await.expect_err("three failures");
    assert!(matches!(away, Error::Unavailable { .. }), "{away:?}");
    let nowhere = open(&s3::Config { endpoint: "http://127.0.0.1:9".into(), attempts_max: 1, ..config });
    assert_eq!(nowhere.put("a", Bytes::new()).await.expect_err("nobody there").code(), "unavailable");
}

async fn a_file_opens_only_as_it_was_put(shelf: Arc<dyn Shelf>) {
    let storage = Storage::new(Arc::clone(&shelf), Vault::for_tests(), content::tests::BOUNDS);
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let first = storage.put(one, b"the licence of Eric").await.expect("put");
    let second = storage.put(two, b"the licence of Jean").await.expect("put");
    assert_eq!(storage.get(&first).await.expect("read"), b"the licence of Eric");
    let on_shelf = shelf.get(&one.to_string()).await.expect("read").expect("there");
    assert!(!on_shelf.windows(7).any(|piece| piece == b"licence"), "nothing of it shows");

    let is_unreadable = async |file: &Stored, why: &str| {
        let error = storage.get(file).await.expect_err(why);
        assert_eq!(error.code(), "internal", "{why}: {error:?}");
    };
    is_unreadable(&Stored { sealed_key: second.sealed_key.clone(), ..first.clone() }, "the key of another file").await;
    is_unreadable(&Stored { sealed_key: Vec::new(), ..first.clone() }, "the key was deleted").await;
    let moved = shelf.get(&two.to_string()).await.expect("read").expect("there");
    shelf.put(&one.to_string(), moved).await.expect("put");
    is_unreadable(&first, "the file was swapped").await;
    shelf.put(&one.to_string(), on_shelf.slice(..on_shelf.len() - 1)).await.expect("put");
    is_unreadable(&first, "the file was cut").await;
    storage.delete(one).await.expect("deleted");
    is_unreadable(&first, "the file is gone").await;
    let strangers = Storage::new(shelf, Vault::new(KeyRing::for_tests(&[2])), content::tests::BOUNDS);
    assert_eq!(strangers.get(&second).await.expect_err("another ring").code(), "internal");
}

#[tokio::test]
async fn on_every_shelf_a_file_opens_only_as_it_was_put() {
    a_file_opens_only_as_it_was_put(Arc::new(memory::Memory::default())).await;
    let dir = tempfile::tempdir().expect("a directory");
    a_file_opens_only_as_it_was_put(Arc::new(Disk::new(dir.path().join("files")))).await;
    a_file_opens_only_as_it_was_put(Arc::new(open(&bucket().await.1))).await;
}

#[tokio::test]
async fn what_is_admitted_is_what_it_says_clean_and_without_the_cameras_notes() {
    let clamd = scanner::Clamd::new(scanner::Address::Tcp(scanner::tests::clamd().await), Span::from_secs(5));
    let storage = Storage::for_tests().scanned_by(Arc::new(clamd));
    let picture = content::tests::jpeg(640, 480, &[]);
    assert_eq!(storage.admit(&picture, FileType::Jpeg).await.expect("fine"), picture);
    let hidden = [picture.clone(), scanner::tests::eicar()].concat();
    let reason = storage.admit(&hidden, FileType::Jpeg).await.expect_err("malware").to_string();
    assert!(reason.contains("malware"), "{reason}");
    let other = storage.admit(b"PK\x03\x04", FileType::Pdf).await.expect_err("an archive");
    assert_eq!(other.faults()[0].field, "file");
}
