//! Files made by hand, whole and broken, and what becomes of them.

use super::*;

pub const BOUNDS: PictureBounds = PictureBounds { side_px_max: 10_000, pixels_max: 50_000_000 };

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
    [&[0xFF, marker], length.as_slice(), data].concat()
}

/// A JPEG of these sides with these segments of its own.
pub fn jpeg(width: u16, height: u16, extra: &[Vec<u8>]) -> Vec<u8> {
    let frame = [&[8], height.to_be_bytes().as_slice(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let mut file = vec![0xFF, 0xD8];
    file.extend(segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"));
    extra.iter().for_each(|piece| file.extend(piece));
    file.extend(segment(0xDB, &[0; 65]));
    file.extend(segment(0xC0, &frame));
    file.extend(segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    file.extend([0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56]);
    file.extend([0xFF, 0xD9]);
    file
}

/// EXIF with an orientation, a maker and a place.
fn exif(orientation: u16) -> Vec<u8> {
    let mut data = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    for number in [0x010F, 2, 4, 0, 0x4142, 0x0043] {
        data.extend_from_slice(&u16::to_le_bytes(number));
    }
    for number in [0x0112, 3, 1, 0, orientation, 0] {
        data.extend_from_slice(&u16::to_le_bytes(number));
    }
    data.extend_from_slice(b"\0\0\0\0 GPS 1.9441S 30.0619E");
    segment(0xE1, &data)
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short").to_be_bytes();
    let covered = [name.as_slice(), data].concat();
    [length.as_slice(), &covered, &crc32fast::hash(&covered).to_be_bytes()].concat()
}

/// A PNG of these sides with these chunks of its own.
pub fn png(width: u32, height: u32, extra: &[Vec<u8>]) -> Vec<u8> {
    let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &header));
    extra.iter().for_each(|piece| file.extend(piece));
    file.extend(chunk(b"IDAT", b"coded"));
    file.extend(chunk(b"IEND", b""));
    file
}

fn riff_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short").to_le_bytes();
    let padding: &[u8] = if data.len().is_multiple_of(2) { b"" } else { b"\0" };
    [name.as_slice(), &length, data, padding].concat()
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let inside = [b"WEBP".as_slice(), &chunks.concat()].concat();
    [b"RIFF".as_slice(), &u32::try_from(inside.len()).expect("short").to_le_bytes(), &inside].concat()
}

fn lossy(width: u16, height: u16) -> Vec<u8> {
    let data = [&[0x10, 0, 0, 0x9D, 0x01, 0x2A], width.to_le_bytes().as_slice(), &height.to_le_bytes(), b"xy"].concat();
    riff_chunk(b"VP8 ", &data)
}

/// A PDF with this in its catalogue.
pub fn pdf(inside: &str) -> Vec<u8> {
    format!(
        "%PDF-1.4\n1 0 obj\n<< /Type /Catalog {inside} >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
    )
    .into_bytes()
}

fn check(bytes: &[u8], declared: FileType, expected: Result<&[u8], Refusal>) {
    let kept = examine(bytes, declared, BOUNDS);
    assert_eq!(kept.as_deref(), expected.as_deref(), "{declared:?}");
}

#[test]
fn whole_files_are_taken_as_they_are() {
    check(&jpeg(640, 480, &[]), FileType::Jpeg, Ok(&jpeg(640, 480, &[])));
    check(&png(640, 480, &[]), FileType::Png, Ok(&png(640, 480, &[])));
    check(&webp(&[lossy(640, 480)]), FileType::Webp, Ok(&webp(&[lossy(640, 480)])));
    check(&pdf(""), FileType::Pdf, Ok(&pdf("")));
    let script_in_a_stream = pdf("/Contents 2 0 R >>\nendobj\n2 0 obj\n<< >>\nstream\n/JS \nendstream\n<<");
    check(&script_in_a_stream, FileType::Pdf, Ok(&script_in_a_stream));
}

#[test]
fn what_cameras_write_beside_a_picture_is_left_out_and_it_stays_upright() {
    let comment = segment(0xFE, b"taken at home");
    let shot = jpeg(
        640,
        480,
        &[exif(6), comment.clone(), segment(0xED, b"Photoshop"), segment(0xE1, b"http://ns.adobe.com/xap")],
    );
    let kept = examine(&shot, FileType::Jpeg, BOUNDS).expect("whole").into_owned();
    for gone in [b"GPS".as_slice(), b"home", b"Photoshop", b"adobe", b"ABC"] {
        assert!(!contains(&kept, gone), "{}", String::from_utf8_lossy(gone));
    }
    let again = examine(&kept, FileType::Jpeg, BOUNDS).expect("still whole");
    assert_eq!(again.as_ref(), kept, "cleaning twice changes nothing");
    let at = kept.windows(6).position(|piece| piece == b"Exif\0\0").expect("the orientation came back");
    assert_eq!(tiff::orientation(&kept[at + 6..]), Some(6));
    check(&jpeg(640, 480, &[exif(1)]), FileType::Jpeg, Ok(&jpeg(640, 480, &[])));
    check(&jpeg(640, 480, &[exif(99)]), FileType::Jpeg, Ok(&jpeg(640, 480, &[])));

    let texts = [chunk(b"tEXt", b"Author\0Eric"), chunk(b"eXIf", b"II*\0"), chunk(b"tIME", b"1234567")];
    check(&png(640, 480, &texts), FileType::Png, Ok(&png(640, 480, &[])));
    let head = |flags: u8| riff_chunk(b"VP8X", &[flags, 0, 0, 0, 0x7F, 0x02, 0, 0xDF, 0x01, 0]);
    let extended = webp(&[head(0x0C), lossy(640, 480), riff_chunk(b"EXIF", b"II*\0x"), riff_chunk(b"XMP ", b"<x/>")]);
    check(&extended, FileType::Webp, Ok(&webp(&[head(0), lossy(640, 480)])));
}

#[test]
fn what_stands_behind_a_picture_is_cut_off_or_refused() {
    let behind = |file: Vec<u8>, rest: &[u8]| [file.as_slice(), rest].concat();
    check(&behind(jpeg(9, 9, &[]), b"\xFF\xD8 a preview"), FileType::Jpeg, Ok(&jpeg(9, 9, &[])));
    check(&behind(png(9, 9, &[]), b"trailing"), FileType::Png, Ok(&png(9, 9, &[])));
    for hidden in [b"PK\x03\x04archive".as_slice(), b"..%PDF-1.4", b"<HTML>", b"<ScRiPt>", b"<svg onload=1>", b"<?php"]
    {
        check(&behind(jpeg(9, 9, &[]), hidden), FileType::Jpeg, Err(Refusal::Polyglot));
        check(&behind(png(9, 9, &[]), hidden), FileType::Png, Err(Refusal::Polyglot));
        check(&behind(webp(&[lossy(9, 9)]), hidden), FileType::Webp, Err(Refusal::Polyglot));
    }
    check(&behind(pdf(""), b"PK\x05\x06"), FileType::Pdf, Err(Refusal::Polyglot));
    check(&behind(pdf(""), b"<script>"), FileType::Pdf, Err(Refusal::Polyglot));
}

#[test]
fn pictures_that_would_fill_the_memory_are_refused_by_their_header() {
    let refused = |width, height| Err(Refusal::Dimensions { width, height });
    check(&jpeg(u16::MAX, 10, &[]), FileType::Jpeg, refused(65_535, 10));
    check(&jpeg(9_000, 9_000, &[]), FileType::Jpeg, refused(9_000, 9_000));
    check(&png(u32::MAX, u32::MAX, &[]), FileType::Png, refused(u32::MAX, u32::MAX));
    check(&png(0, 4, &[]), FileType::Png, refused(0, 4));
    check(&webp(&[lossy(16_000, 16_000)]), FileType::Webp, refused(16_000, 16_000));
    check(&webp(&[riff_chunk(b"VP8X", &[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 1, 0, 0])]), FileType::Webp, refused(1 << 24, 2));
    check(&webp(&[riff_chunk(b"VP8L", &[0x2F, 0xFF, 0xFF, 0xFF, 0x0F])]), FileType::Webp, refused(16_384, 16_384));
}

#[test]
fn other_files_are_refused_whatever_they_are_called() {
    for other in [
        b"".as_slice(),
        b"PK\x03\x04word/document.xml",
        b"<!DOCTYPE html><script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"MZ\x90\0",
        b"\x7FELF",
        b"  %PDF-1.4",
        b"\0\0\0\x20ftypheic",
    ] {
        for declared in FileType::ALL {
            check(other, declared, Err(Refusal::UnknownType));
        }
    }
    let other = Refusal::OtherType { found: FileType::Png, declared: FileType::Jpeg };
    check(&png(9, 9, &[]), FileType::Jpeg, Err(other));
    assert_eq!(other.to_string(), "is image/png, and was sent as image/jpeg");
    check(&webp(&[riff_chunk(b"ANIM", b"123456"), lossy(9, 9)]), FileType::Webp, Err(Refusal::Animated));
}

#[test]
fn a_pdf_that_acts_by_itself_is_refused_however_it_is_written() {
    let active = |inside: &str, what| check(&pdf(inside), FileType::Pdf, Err(Refusal::ActivePdf(what)));
    active("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "a script");
    active("/OpenAction << /S /J#61vaScript >>", "a script");
    active("/AA << /O << /S/Launch >> >>", "a command to start a program");
    active("/Names << /EmbeddedFiles 3 0 R >>", "a file inside");
    active("/Encrypt 4 0 R", "a password");
    check(&pdf("/Author (JavaScript) /JSX 1"), FileType::Pdf, Ok(&pdf("/Author (JavaScript) /JSX 1")));
    for pretended in ["%stream\n", "/Author (stream\n", ">>\nstream\n"] {
        active(&format!("{pretended} /OpenAction << /S /JavaScript /JS (1) >>"), "a script");
    }
    check(b"%PDF-1.4 1 0 obj", FileType::Pdf, Err(Refusal::Damaged("a PDF without its end")));
    check(b"%PDF-x.y startxref %%EOF", FileType::Pdf, Err(Refusal::Damaged("a PDF of no version")));
}

/// Whatever is cut, changed or put in: an answer, never a panic, and what is taken is taken again unchanged.
#[test]
fn damaged_files_are_answered_and_what_is_taken_is_stable() {
    let wholes = [
        (FileType::Jpeg, jpeg(640, 480, &[exif(6)])),
        (FileType::Png, png(640, 480, &[chunk(b"tEXt", b"a\0b")])),
        (FileType::Webp, webp(&[lossy(640, 480), riff_chunk(b"EXIF", b"II*\0")])),
        (FileType::Pdf, pdf("/Pages 2 0 R")),
    ];
    for (declared, whole) in wholes {
        for end in 0..whole.len() - 1 {
            let cut = examine(&whole[..end], declared, BOUNDS);
            assert!(cut.is_err() || declared == FileType::Pdf, "{declared:?} cut at {end} was taken");
        }
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[index] ^= 1 << bit;
                let Ok(kept) = examine(&changed, declared, BOUNDS) else { continue };
                let again = examine(&kept, declared, BOUNDS);
                assert_eq!(again.as_deref(), Ok(kept.as_ref()), "{declared:?}, bit {bit} of byte {index}");
            }
        }
    }
}
