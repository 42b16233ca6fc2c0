//! Growing delays: how often something may be tried, and how long the next try waits.
//!
//! Separate because everything that can be guessed at or worn out is counted in the same way: by phone, by account, by
//! address, by device. Counts live in the database, so that several nodes count together and a restart forgets nothing.
//! An attempt is counted before it is made and in one statement, so any number at once, from any number of addresses, get
//! no more tries than one after the other. After the free ones each further try waits, twice as long as the one before up
//! to a limit; a right one makes everything good.
//!
//! What is counted is found by an HMAC of it: the table holds nobody's number. It is the same for phones with and without
//! an account. Addresses are only looked at before and counted after a wrong try: a whole network may share one, and those
//! who are right must not be kept waiting by each other.

use std::net::IpAddr;

use sqlx::PgConnection;

use crate::auth::{Auth, Device, store};
use crate::error::Error;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// A tried thing is forgotten this long after its delay is over.
const HOUR: Span = Span::from_minutes(60);

/// Bounds of tries.
#[derive(Clone, Debug)]
pub struct Config {
    /// The wait after the first try too many; doubles with each further one.
    pub delay_min: Span,
    /// The longest wait.
    pub delay_max: Span,
    /// Free wrong codes of one phone within the window of wrong passwords.
    pub code_guesses_max: i32,
    /// Free wrong second factors of one person within the same window.
    pub second_factor_guesses_max: i32,
    /// Free wrong proofs of any kind from one address within an hour.
    pub address_failures_max: i32,
    /// Free wrong proofs of any kind from one device within an hour.
    pub device_failures_max: i32,
    /// Codes that one address may ask for within an hour.
    pub address_codes_max: i32,
    /// Refreshes of one session within a minute.
    pub refreshes_per_minute_max: i32,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Passwords of a phone.
    Password,
    /// Codes of a phone, whatever they are for.
    Code,
    /// Second factors of a person.
    SecondFactor,
    /// Refreshes of a session.
    Refresh,
    /// Wrong proofs from an address.
    Address,
    /// Wrong proofs from a device.
    Device,
    /// Codes asked for from an address.
    Messages,
}

impl Guard {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::SecondFactor => "second_factor",
            Self::Refresh => "refresh",
            Self::Address => "address",
            Self::Device => "device",
            Self::Messages => "messages",
        }
    }
}

/// How tries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) free: i32,
    pub(super) window: Span,
    pub(super) delay_min: Span,
    pub(super) delay_max: Span,
}

/// One thing that is counted.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) guard: Guard,
    pub(super) subject: Vec<u8>,
}

/// Loopback is this machine itself, or a proxy that does not say for whom it asks: everybody would share the count.
fn countable(ip: IpAddr) -> Option<Vec<u8>> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(ip.octets().to_vec()),
        // A household has a whole /64 to choose from.
        IpAddr::V6(ip) => Some(ip.octets()[..8].to_vec()),
    }
}

impl Auth {
    fn rule(&self, guard: Guard) -> Rule {
        let (config, throttle) = (&self.inner.config, &self.inner.config.throttle);
        let (free, window) = match guard {
            Guard::Password => (config.login_attempts_max, config.login_window),
            Guard::Code => (throttle.code_guesses_max, config.login_window),
            Guard::SecondFactor => (throttle.second_factor_guesses_max, config.login_window),
            Guard::Refresh => (throttle.refreshes_per_minute_max, Span::from_minutes(1)),
            Guard::Address => (throttle.address_failures_max, HOUR),
            Guard::Device => (throttle.device_failures_max, HOUR),
            Guard::Messages => (throttle.address_codes_max, HOUR),
        };
        Rule { free, window, delay_min: throttle.delay_min, delay_max: throttle.delay_max }
    }

    pub(super) fn counted(&self, guard: Guard, subject: &[u8]) -> Counted {
        Counted { guard, subject: self.inner.code_key.pseudonym(guard.as_str(), subject) }
    }

    /// Counts a try before it is made.
    pub(super) async fn begin(&self, conn: &mut PgConnection, counted: &Counted, now: Timestamp) -> Result<(), Error> {
        match store::begin_attempt(conn, counted, self.rule(counted.guard), now).await? {
            None => Ok(()),
            Some(free_at) => {
                let retry_after = free_at.since(now).max(Span::from_secs(1));
                Err(Error::RateLimited { retry_after })
            }
        }
    }

    /// As [`Auth::begin`], committed at once: a try counts whatever becomes of the request.
    pub(super) async fn begin_now(&self, counted: &Counted, now: Timestamp) -> Result<(), Error> {
        let mut conn = self.inner.pool.acquire().await?;
        self.begin(&mut conn, counted, now).await
    }

    /// Whether a password is right, after its try was counted. Without a turn at hashing nothing was compared, and the try
    /// is taken back: a flood of log-ins must not shut out whoever tries again as they were told to.
    pub(super) async fn compare(
        &self,
        counted: &Counted,
        password: Secret<String>,
        hash: Option<String>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let compared = self.inner.passwords.is_right(password, hash).await;
        if matches!(compared, Err(Error::Unavailable { .. })) {
            store::take_attempt_back(&self.inner.pool, counted, self.rule(counted.guard).free, now).await?;
        }
        compared
    }

    /// Takes back the tries of whoever proved to be right.
    pub(super) async fn forgive(&self, counted: &Counted) -> Result<(), Error> {
        Ok(store::forgive_attempts(&self.inner.pool, counted).await?)
    }

    fn origins(&self, device: &Device) -> Vec<Counted> {
        let address = device.ip.and_then(countable).map(|bytes| self.counted(Guard::Address, &bytes));
        let id = device.id.as_deref().map(|id| self.counted(Guard::Device, id.as_bytes()));
        address.into_iter().chain(id).collect()
    }

    /// Refuses a try from an address or a device that was wrong too often.
    pub(super) async fn check_origin(&self, device: &Device, now: Timestamp) -> Result<(), Error> {
        for counted in self.origins(device) {
            if let Some(free_at) = store::waits_until(&self.inner.pool, &counted, now).await? {
                return Err(Error::RateLimited { retry_after: free_at.since(now).max(Span::from_secs(1)) });
            }
        }
        Ok(())
    }

    /// Counts a wrong try against the address and the device it came from.
    pub(super) async fn count_wrong(&self, device: &Device, now: Timestamp) -> Result<(), Error> {
        let mut conn = self.inner.pool.acquire().await?;
        for counted in self.origins(device) {
            // One that waits already was let through together with others; it waits all the same.
            store::begin_attempt(&mut conn, &counted, self.rule(counted.guard), now).await?;
        }
        Ok(())
    }

    /// Counts a message that an address makes us send.
    pub(super) async fn count_message(&self, device: &Device, now: Timestamp) -> Result<(), Error> {
        match device.ip.and_then(countable) {
            Some(bytes) => self.begin_now(&self.counted(Guard::Messages, &bytes), now).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_counts_as_one_and_loopback_not_at_all() {
        let counted = |text: &str| countable(text.parse().expect("an address"));
        assert_eq!(counted("127.0.0.1"), None);
        assert_eq!(counted("127.9.8.7"), None);
        assert_eq!(counted("::1"), None);
        assert_eq!(counted("::ffff:127.0.0.1"), None);
        assert_eq!(counted("203.0.113.5"), Some(vec![203, 0, 113, 5]));
        assert_eq!(counted("::ffff:203.0.113.5"), counted("203.0.113.5"));
        assert_eq!(counted("2001:db8:1:2:aaaa::1"), counted("2001:db8:1:2:bbbb::2"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
    }
}
