//! The published heads: the end of the chain, written down where the owner of the database cannot reach it.
//!
//! Separate from the chain because it is what the chain is measured against. A head is published at each start and stop, once
//! a day between, and by command: one line of text at the end of a file, signed with a key that only the server has
//! (Ed25519, so that an outsider who holds the public key and copies of the lines can check both without any secret).
//! Each line names the hash of the line before, so none can be taken out of the middle. Whoever keeps copies (a log
//! collector, a colleague, the regulator) can prove a rewriting of everything up to the last line they have.
//!
//! ```text
//! boda-audit-head 1 seq=42 hash=<64 hex> at=2026-11-26T05:00:00.123Z occasion=daily key=<64 hex> before=<64 hex> signature=<128 hex>
//! ```
//!
//! `key` is the public key, `before` the SHA-256 of the line before (zeros in the first), and the signature is over
//! everything in front of ` signature=`.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use ring::digest;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::chain::Head;
use super::encoding::{BEFORE_ALL, HASH_BYTES, Hash, hex};
use super::signing::Signer;
use crate::time::Timestamp;

const PREFIX: &str = "boda-audit-head 1";
const SIGNATURE_BYTES: usize = 64;
/// A file of heads has some hundred bytes a line and a few lines a day: this is decades.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Of Ed25519.
pub type PublicKey = [u8; HASH_BYTES];

/// Why a head was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The server started.
    Start,
    /// The server stopped.
    Stop,
    /// As every day.
    Daily,
    /// Somebody asked for it.
    Command,
}

impl Occasion {
    const ALL: [Self; 4] = [Self::Start, Self::Stop, Self::Daily, Self::Command];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Daily => "daily",
            Self::Command => "command",
        }
    }
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The end of the chain at that time.
    pub head: Head,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub occasion: Occasion,
    /// Who signed.
    pub key: PublicKey,
    /// SHA-256 of the line before.
    before: Hash,
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, at, occasion, key, before } = self;
        let at = DateTime::<Utc>::from(*at).to_rfc3339_opts(SecondsFormat::Millis, true);
        let (hash, key, before) = (hex(&head.hash), hex(key), hex(before));
        let occasion = occasion.as_str();
        write!(f, "{PREFIX} seq={} hash={hash} at={at} occasion={occasion} key={key} before={before}", head.seq)
    }
}

impl Published {
    /// A line, and its signature.
    fn parse(line: &str) -> Option<(Self, [u8; SIGNATURE_BYTES])> {
        let mut fields = line.strip_prefix(PREFIX)?.strip_prefix(' ')?.split(' ');
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
        let seq = field("seq")?.parse().ok()?;
        let hash = unhex(field("hash")?)?;
        let at = DateTime::parse_from_rfc3339(field("at")?).ok()?.to_utc().into();
        let word = field("occasion")?;
        let occasion = Occasion::ALL.into_iter().find(|occasion| occasion.as_str() == word)?;
        let (key, before) = (unhex(field("key")?)?, unhex(field("before")?)?);
        let signature = unhex(field("signature")?)?;
        let published = Self { head: Head { seq, hash }, at, occasion, key, before };
        // Written in one way only: no second spelling of a line has the same meaning.
        (format!("{published} signature={}", hex(&signature)) == line).then_some((published, signature))
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counting from 1.
    pub line: usize,
    /// What.
    pub reason: &'static str,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the published heads {}", self.line, self.reason)
    }
}

/// The heads of a file's text, and the lines that are not what they should be. Lines signed by none of `trusted` count for
/// nothing.
pub fn read(text: &str, trusted: &[PublicKey]) -> (Vec<Published>, Vec<BadLine>) {
    let (mut heads, mut bad) = (Vec::new(), Vec::new());
    let mut before = BEFORE_ALL;
    for (number, line) in (1..).zip(text.lines()) {
        let mut wrong = |reason| bad.push(BadLine { line: number, reason });
        match signed(line, trusted) {
            Err(reason) => wrong(reason),
            Ok(published) => {
                if published.before != before && number > 1 {
                    wrong("does not follow the line before: lines were removed, inserted or reordered");
                }
                heads.push(published);
            }
        }
        before = hash_of(line);
    }
    (heads, bad)
}

/// The last head of a file's text that the server signed.
pub fn last(text: &str, trusted: &[PublicKey]) -> Option<Published> {
    text.lines().rev().find_map(|line| signed(line, trusted).ok())
}

/// A line that somebody trusted has signed; or what is wrong with it.
fn signed(line: &str, trusted: &[PublicKey]) -> Result<Published, &'static str> {
    let (published, signature) = Published::parse(line).ok_or("is not one")?;
    if !trusted.contains(&published.key) {
        return Err("is signed with a key that is not the server's");
    }
    let key = UnparsedPublicKey::new(&ED25519, published.key);
    match key.verify(published.to_string().as_bytes(), &signature) {
        Ok(()) => Ok(published),
        Err(_) => Err("has a wrong signature"),
    }
}

/// The heads could not be published or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct HeadsError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Puts a head at the end of the file. Several processes may do so at once.
///
/// # Errors
/// [`HeadsError`].
pub fn append(
    path: &Path,
    signer: &Signer,
    head: Head,
    occasion: Occasion,
    now: Timestamp,
) -> Result<Published, HeadsError> {
    let failed = |action| move |source| HeadsError { action, path: path.to_owned(), source };
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed("open"))?;
    // Let go of when the file is closed.
    file.lock().map_err(failed("lock"))?;
    let text = read_whole(&mut file).map_err(failed("read"))?;
    let before = text.lines().next_back().map_or(BEFORE_ALL, hash_of);
    let published = Published { head, at: now, occasion, key: signer.public_key(), before };
    let signature = signer.sign(published.to_string().as_bytes());
    // A line that a power cut left half-written stays as it is, and is told of by `verify`.
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let line = format!("{gap}{published} signature={}\n", hex(&signature));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write"))?;
    Ok(published)
}

/// The text of a file of heads; `None` when there is none.
///
/// # Errors
/// [`HeadsError`].
pub fn load(path: &Path) -> Result<Option<String>, HeadsError> {
    match File::open(path).and_then(|mut file| read_whole(&mut file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HeadsError { action: "read", path: path.to_owned(), source }),
    }
}

/// Makes the directory of the file.
///
/// # Errors
/// [`HeadsError`].
pub fn make_room(path: &Path) -> Result<(), HeadsError> {
    let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) else { return Ok(()) };
    let failed = |source| HeadsError { action: "make the directory of", path: path.to_owned(), source };
    fs::create_dir_all(directory).map_err(failed)
}

fn read_whole(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("has more than {FILE_BYTES_MAX} bytes: put it by, and begin a new one");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

fn hash_of(line: &str) -> Hash {
    let mut hash = BEFORE_ALL;
    hash.copy_from_slice(digest::digest(&digest::SHA256, line.as_bytes()).as_ref());
    hash
}

/// Bytes of lower-case hexadecimal digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(second: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_123 + second * 1_000)
    }

    fn head(seq: i64) -> Head {
        Head { seq, hash: [u8::try_from(seq).expect("small"); HASH_BYTES] }
    }

    /// A file with five heads, its key, and its text.
    fn published() -> (Signer, String) {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, signer) = (directory.path().join("heads"), Signer::for_tests());
        for seq in 0..5 {
            append(&path, &signer, head(seq), Occasion::Daily, now(seq)).expect("published");
        }
        let text = load(&path).expect("read").expect("there");
        (signer, text)
    }

    #[test]
    fn what_was_published_is_read_again() {
        let (signer, text) = published();
        let (heads, bad) = read(&text, &[signer.public_key()]);
        assert_eq!(bad, []);
        assert_eq!(
            heads.iter().map(|published| published.head).collect::<Vec<_>>(),
            (0..5).map(head).collect::<Vec<_>>()
        );
        assert_eq!((heads[2].at, heads[2].occasion), (now(2), Occasion::Daily));
    }

    #[test]
    fn a_line_that_was_touched_is_named() {
        let (signer, text) = published();
        let lines: Vec<&str> = text.lines().collect();
        let trusted = [signer.public_key()];
        let bad = |lines: &[&str]| read(&lines.join("\n"), &trusted).1.iter().map(|bad| bad.line).collect::<Vec<_>>();
        assert_eq!(bad(&lines), [] as [usize; 0]);
        // A copy may begin anywhere.
        assert_eq!(bad(&lines[2..]), [] as [usize; 0]);
        for (at, with) in [("seq=2", "seq=3"), ("daily", "start"), ("seq=2", "seq=+2"), (" hash", "  hash")] {
            let touched = lines[2].replacen(at, with, 1);
            let found = bad(&[lines[0], lines[1], &touched, lines[3], lines[4]]);
            assert_eq!(found.first(), Some(&3), "{at} {with}");
        }
        assert_eq!(bad(&[lines[0], lines[2], lines[3]]), [2], "taken out");
        assert_eq!(bad(&[lines[0], lines[2], lines[1], lines[3]]), [2, 3, 4], "reordered");
        assert_eq!(bad(&[lines[0], &lines[1][..80]]), [2], "cut short");
        let stranger = Signer::for_tests();
        assert_eq!(read(&text, &[stranger.public_key()]).1.len(), 5);
    }

    #[test]
    fn a_half_written_line_does_not_spoil_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, signer) = (directory.path().join("heads"), Signer::for_tests());
        fs::write(&path, "boda-audit-head 1 seq=1 ha").expect("written");
        append(&path, &signer, head(2), Occasion::Start, now(0)).expect("published");
        let (heads, bad) = read(&load(&path).expect("read").expect("there"), &[signer.public_key()]);
        assert_eq!((heads.len(), bad.len()), (1, 1));
    }
}
