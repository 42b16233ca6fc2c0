//! What other services may know of a person: enough to greet and to reach them.

use rustc_hash::FxHashMap;

use crate::auth::{Auth, lock, store};
use crate::clock;
use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::prints_nothing;

/// A person as others see them.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Given name.
    pub first_name: String,
    /// To speak to them in.
    pub language: Language,
    /// To reach them.
    pub phone: Phone,
    /// Average of the ratings received as a rider, in hundredths of a star; `None` without ratings.
    pub rating_hundredths: Option<i64>,
    /// Whether their data is kept but not used (law 058/2021, art. 22).
    pub is_restricted: bool,
}

prints_nothing!(Person);

impl Auth {
    /// Names and numbers of people. Whoever does not exist, or was erased, is left out. Remembered for a while, so that a ride's view
    /// costs no query for each reader.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn people(&self, ids: &[UserId]) -> Result<FxHashMap<UserId, Person>, Error> {
        let now = clock::now();
        let mut found = FxHashMap::default();
        let mut unknown = Vec::new();
        {
            let mut people = lock(&self.inner.people);
            for id in ids {
                match people.look_up(id, now) {
                    Some(person) => {
                        found.insert(*id, person.clone());
                    }
                    None => unknown.push(id.0),
                }
            }
        }
        if !unknown.is_empty() {
            let rows = store::people(&self.inner.pool, &self.inner.vault, &unknown).await?;
            let mut people = lock(&self.inner.people);
            for (id, person) in rows {
                people.remember(id, person.clone(), now);
                found.insert(id, person);
            }
        }
        Ok(found)
    }

    /// Whether there is such an account and it is not disabled.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_open(&self, id: UserId) -> Result<bool, Error> {
        Ok(store::is_open(&self.inner.pool, id).await?)
    }

    /// Whose this number is, in whatever role and state.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn account_of(&self, phone: Phone) -> Result<Option<UserId>, Error> {
        Ok(store::user_by_phone(&self.inner.pool, &self.index_of(phone)).await?.map(|user| user.id))
    }

    /// Forgets what was remembered of a person, whose name or rating changed.
    pub fn forget_person(&self, id: UserId) {
        lock(&self.inner.people).forget(&id);
    }
}
