//! Made-up people for rehearsals and load tests, written straight into the store.
//!
//! Separate because it passes by everything that proves a person. So that no real city is ever filled with them, their ids
//! say what they are, and they come only where nobody lives yet or where others of them came first: a database that once
//! held a real person before them refuses them for ever. The same seed is the same people: seeding again changes nothing
//! but their sessions.

use uuid::Uuid;

use crate::auth::{Auth, password, store};
use crate::error::{Checks, Error};
use crate::ids::{SessionId, UserId};
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::{Caller, Grant, Role, SecondFactor};

/// What the id of a made-up person begins with. Ids of real people begin with the time; this one's comes in the year 5277.
const MARK: [u8; 2] = [0x5e, 0xed];

/// A person to be made up.
#[derive(Clone, Debug)]
pub struct MadeUp {
    /// Where all chance came from.
    pub seed: u32,
    /// Number within the role.
    pub index: u32,
    /// Driver or rider.
    pub role: Role,
    /// The phone; counts as proven.
    pub phone: Phone,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

/// A made-up person who is signed in.
#[derive(Debug)]
pub struct Seeded {
    /// The account.
    pub id: UserId,
    /// Driver or rider.
    pub role: Role,
    /// The phone.
    pub phone: Phone,
    /// An access token.
    pub token: Secret<String>,
}

impl MadeUp {
    /// The account's id: the same for the same seed, role and number.
    pub fn id(&self) -> UserId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&MARK);
        bytes[2..6].copy_from_slice(&self.seed.to_be_bytes());
        bytes[7] = if self.role == Role::Driver { 1 } else { 0 };
        bytes[12..].copy_from_slice(&self.index.to_be_bytes());
        UserId(Uuid::new_v8(bytes))
    }

    /// Their one session has the same number: there is no other use for it.
    fn session(&self) -> SessionId {
        SessionId(self.id().0)
    }
}

/// The least and the greatest id that begins with [`MARK`].
fn marked() -> (Uuid, Uuid) {
    let (mut least, mut greatest) = ([0; 16], [0xff; 16]);
    least[..2].copy_from_slice(&MARK);
    greatest[..2].copy_from_slice(&MARK);
    (Uuid::from_bytes(least), Uuid::from_bytes(greatest))
}

impl Auth {
    /// Makes these people, signed in for as long as an access token lives, with the same password for all or none.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `not_a_rehearsal` where real people live, and `phone_taken` where people of another
    /// seed have a phone of theirs; [`Error::Invalid`] for a password of a wrong length.
    pub async fn seed(
        &self,
        people: &[MadeUp],
        password: Option<Secret<String>>,
        now: Timestamp,
    ) -> Result<Vec<Seeded>, Error> {
        if let Some(password) = &password {
            let mut checks = Checks::new();
            password::check(&mut checks, "password", password);
            checks.finish()?;
        }
        let hash = match password {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let mut tx = self.inner.pool.begin().await?;
        store::hold_users(&mut tx).await?;
        if !store::is_rehearsal(&mut tx, marked()).await? {
            let message = "this database holds real people, and rehearsals need one of their own; \
                           only a database without accounts can be seeded";
            return Err(Error::conflict("not_a_rehearsal", message));
        }
        let expires_at = now + self.inner.tokens.lifetime();
        let made = people.iter().map(|person| (person, person.session())).collect::<Vec<_>>();
        store::seed_users(&mut tx, &self.inner.vault, people, hash.as_deref(), now).await?;
        store::seed_sessions(&mut tx, &made, store::Life { now, expires_at }).await?;
        tx.commit().await?;
        made.into_iter().map(|(person, session)| self.signed_in(person, session, now)).collect()
    }

    fn signed_in(&self, person: &MadeUp, session: SessionId, now: Timestamp) -> Result<Seeded, Error> {
        let (id, role, phone) = (person.id(), person.role, person.phone);
        let grant = Grant { caller: Caller { user: id, role, session }, second_factor: SecondFactor::None };
        let token = self.inner.tokens.issue(&grant, now)?;
        Ok(Seeded { id, role, phone, token: Secret::new(token) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_made_up_person_has_an_id_of_their_own_that_says_so() {
        let phone = Phone::parse("0788123456").expect("valid");
        let (least, greatest) = marked();
        let mut ids = BTreeSet::new();
        for seed in [0, 1, u32::MAX] {
            for index in [0, 1, u32::MAX] {
                for role in [Role::Driver, Role::Customer] {
                    let person =
                        MadeUp { seed, index, role, phone, first_name: String::new(), last_name: String::new() };
                    assert_eq!(person.id(), person.clone().id());
                    assert!((least..=greatest).contains(&person.id().0));
                    ids.insert(person.id());
                }
            }
        }
        assert_eq!(ids.len(), 18);
        assert!(!(least..=greatest).contains(&Uuid::now_v7()), "a real person's is none");
    }
}
