//! How a record is written out for its hash: pure.
//!
//! Separate because this is what an auditor has to be able to do again without us, in ten years. Format 1, numbers in
//! big-endian order:
//!
//! ```text
//! record  = 0x01 at actor actor_id role agency action whose subject_kind subject_id why request_id client detail
//! at      = microseconds since 1970-01-01T00:00:00Z, 8 bytes, signed
//! whose   = how many, 4 bytes, then 16 bytes each
//! others  = 0x00 when absent (SQL null), else 0x01, the length in bytes, 4 bytes, and the bytes:
//!           texts in UTF-8 as stored, ids as 16 bytes, detail as the text of its JSON as stored
//! hash    = SHA-256(hash of the record before (32 bytes, zeros before the first) ++ seq (8 bytes) ++ record)
//! ```
//!
//! Every part has its length or is of a fixed one, so no two records are written out alike. A change of the table gets a
//! new first byte, and records keep the format they were written in.

use ring::digest;
use uuid::Uuid;

/// The first byte of every record of this format.
const FORMAT: u8 = 1;
/// Of SHA-256.
pub const HASH_BYTES: usize = 32;

/// A link of the chain.
pub type Hash = [u8; HASH_BYTES];

/// Before the first record.
pub const BEFORE_ALL: Hash = [0; HASH_BYTES];

/// Everything that a record says, as it lies in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub at_us: i64,
    pub actor: String,
    pub actor_id: Option<Uuid>,
    pub role: Option<String>,
    pub agency: Option<String>,
    pub action: String,
    pub whose: Vec<Uuid>,
    pub subject_kind: Option<String>,
    pub subject_id: Option<Uuid>,
    pub why: Option<String>,
    pub request_id: Option<String>,
    pub client: Option<String>,
    pub detail: String,
}

impl Content {
    /// Written out, in the format above.
    pub fn bytes(&self) -> Vec<u8> {
        let text = |text: &'_ Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let id = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec());
        let mut out = Written::default();
        out.begin(self.at_us);
        out.part(Some(self.actor.as_bytes()));
        out.part(id(self.actor_id).as_deref());
        out.part(text(&self.role).as_deref());
        out.part(text(&self.agency).as_deref());
        out.part(Some(self.action.as_bytes()));
        out.people(self.whose.iter().map(Uuid::as_bytes));
        out.part(text(&self.subject_kind).as_deref());
        out.part(id(self.subject_id).as_deref());
        out.part(text(&self.why).as_deref());
        out.part(text(&self.request_id).as_deref());
        out.part(text(&self.client).as_deref());
        out.part(Some(self.detail.as_bytes()));
        out.bytes
    }
}

/// A record being written out, part by part.
#[derive(Debug, Default)]
pub struct Written {
    /// So far.
    pub bytes: Vec<u8>,
}

impl Written {
    /// Begins anew.
    pub fn begin(&mut self, at_us: i64) {
        self.bytes.clear();
        self.bytes.push(FORMAT);
        self.bytes.extend_from_slice(&at_us.to_be_bytes());
    }

    /// A text, an id or a detail.
    pub fn part(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.bytes.push(0),
            Some(bytes) => {
                self.bytes.push(1);
                self.bytes.extend_from_slice(&length(bytes.len()));
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// Everybody whose data it concerns.
    pub fn people<'a>(&mut self, people: impl ExactSizeIterator<Item = &'a [u8; 16]>) {
        self.bytes.extend_from_slice(&length(people.len()));
        for person in people {
            self.bytes.extend_from_slice(person);
        }
    }
}

/// The hash of a record at a place of the chain.
pub fn link(before: &Hash, seq: i64, content: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before);
    context.update(&seq.to_be_bytes());
    context.update(content);
    let mut hash = BEFORE_ALL;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// A hash as people see it.
pub fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Texts are bounded at some KiB and pages at some hundred people: this never saturates.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Content {
        Content {
            at_us: 1_790_000_000_123_000,
            actor: "person".into(),
            actor_id: Some(Uuid::from_u128(1)),
            role: Some("admin".into()),
            action: "drivers.approved".into(),
            whose: vec![Uuid::from_u128(2), Uuid::from_u128(3)],
            subject_kind: Some("driver".into()),
            subject_id: Some(Uuid::from_u128(2)),
            why: Some("papers are in order".into()),
            request_id: Some("0192".into()),
            client: Some("192.0.2.1".into()),
            detail: r#"{"rows":2}"#.into(),
            ..Content::default()
        }
    }

    /// Written with Python's `struct` and `hashlib` after the description above.
    #[test]
    fn a_record_is_written_out_as_described() {
        let bytes = sample().bytes();
        let expected = concat!(
            "0100065bfeda27c078",
            "0100000006706572736f6e",
            "010000001000000000000000000000000000000001",
            "010000000561646d696e",
            "00",
            "0100000010647269766572732e617070726f766564",
            "000000020000000000000000000000000000000200000000000000000000000000000003",
            "0100000006647269766572",
            "010000001000000000000000000000000000000002",
            "01000000137061706572732061726520696e206f72646572",
            "010000000430313932",
            "01000000093139322e302e322e31",
            "010000000a7b22726f7773223a327d",
        );
        assert_eq!(hex(&bytes), expected);
        let hash = "f95d780857f34551fe9f9b747025373f387c69ae619f3c65c842182038f9d41a";
        assert_eq!(hex(&link(&BEFORE_ALL, 1, &bytes)), hash);
    }

    proptest! {
        /// What two neighbouring parts share cannot be moved from one to the other unseen.
        #[test]
        fn no_two_records_are_written_out_alike(texts in prop::array::uniform4("[a-c]{0,3}"), others in prop::array::uniform4("[a-c]{0,3}")) {
            let content = |[why, request_id, client, detail]: [String; 4]| Content {
                why: (!why.is_empty()).then_some(why),
                request_id: Some(request_id),
                client: Some(client),
                detail,
                ..sample()
            };
            let (one, other) = (content(texts), content(others));
            prop_assert_eq!(one == other, one.bytes() == other.bytes());
        }
    }
}
