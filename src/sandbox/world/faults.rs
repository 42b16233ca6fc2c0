//! What goes wrong on purpose.
//!
//! Separate because faults lie around the providers and not inside them: a provider's rules are the same whatever happens
//! to its answers. Which calls are hit is a matter of count and of seeded chance, so a schedule can be repeated.

use serde::{Deserialize, Serialize};

use super::Provider;

/// Faults at once; one more is refused.
pub const FAULTS_MAX: usize = 1_000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The connection ends and nothing happened.
    DropBefore,
    /// It happened, and the connection ends.
    DropAfterCommit,
    /// It happened, and the answer takes `ms`.
    DelayMs,
    /// Another status (`status`, 503 if not said); nothing happened unless `commits`.
    Status,
    /// A page instead of JSON, with `status` (200 if not said); nothing happened unless `commits`.
    HtmlPage,
    /// 400 without a body; nothing happened.
    #[serde(rename = "empty_400")]
    Empty400,
    /// It happened, and half of the answer arrives.
    TruncatedJson,
    /// The reason of a failure is an object.
    ReasonObject,
    /// The reason of a failure is a word.
    ReasonString,
    /// No callback.
    CallbackNone,
    /// The callback comes `times` times (2 if not said).
    CallbackDup,
    /// The callback comes `ms` later (60,000 if not said) on the clock of this world.
    CallbackLate,
    /// The callback speaks of another order.
    CallbackWrongId,
}

impl Kind {
    /// Whether it befalls a callback instead of a call.
    pub const fn is_of_callbacks(self) -> bool {
        matches!(self, Self::CallbackNone | Self::CallbackDup | Self::CallbackLate | Self::CallbackWrongId)
    }
}

/// What is hit: all that is said must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// At whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The operation, as `/_sim/requests` names it; `submit` is any order and `status` any question about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// The wallet, however written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<String>,
}

/// A fault to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Given by the sandbox.
    #[serde(default)]
    pub id: u64,
    /// What is hit.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// What goes wrong.
    pub kind: Kind,
    /// How often; for ever if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How likely, of 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// Where chance begins.
    #[serde(default)]
    pub seed: u64,
    /// For kinds that answer otherwise: whether it happened all the same.
    #[serde(default)]
    pub commits: bool,
    /// For `status` and `html_page`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `delay_ms` and `callback_late`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// For `callback_dup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How often it hit.
    #[serde(default)]
    pub hits: u64,
    #[serde(skip)]
    tried: u64,
}

const fn certain() -> f64 {
    1.0
}

/// What might be hit.
pub struct Target<'a> {
    /// At whom.
    pub provider: Provider,
    /// The operation: `requesttopay`, `requesttopay.status`.
    pub op: &'a str,
    /// Whether it is an order.
    pub is_submit: bool,
    /// The wallets it is about.
    pub msisdn: Option<&'a str>,
}

impl Fault {
    fn fits(&self, target: &Target<'_>) -> bool {
        let Match { provider, op, msisdn } = &self.matches;
        let op_fits = |op: &String| match op.as_str() {
            "*" => true,
            "submit" => target.is_submit,
            "status" => target.op.ends_with(".status"),
            op => op == target.op,
        };
        let msisdn_fits = |msisdn: &String| target.msisdn.is_some_and(|of| last_digits(of) == last_digits(msisdn));
        provider.is_none_or(|provider| provider == target.provider)
            && op.as_ref().is_none_or(op_fits)
            && msisdn.as_ref().is_none_or(msisdn_fits)
    }

    /// Whether it hits now; the n-th time it could is decided by the seed and n alone.
    fn strikes(&mut self) -> bool {
        if self.count.is_some_and(|count| self.hits >= count) {
            return false;
        }
        self.tried += 1;
        let strikes = self.probability >= 1.0 || chance(self.seed, self.tried) < self.probability;
        self.hits += u64::from(strikes);
        strikes
    }
}

/// The first fault that hits a call (or a callback).
pub fn strike(faults: &mut [Fault], target: &Target<'_>, is_callback: bool) -> Option<Fault> {
    faults
        .iter_mut()
        .filter(|fault| fault.kind.is_of_callbacks() == is_callback && fault.fits(target))
        .find_map(|fault| fault.strikes().then(|| fault.clone()))
}

/// Whether any fault asks whose wallet it is.
pub fn ask_whose(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.matches.msisdn.is_some())
}

/// The last nine digits: the same in every spelling of a number.
fn last_digits(msisdn: &str) -> String {
    let digits: Vec<char> = msisdn.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(9)..].iter().collect()
}

/// Evenly in 0..1, from a seed and a count: the finaliser of splitmix64.
fn chance(seed: u64, count: u64) -> f64 {
    let mut z = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    // 53 bits are what a double holds.
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        serde_json::from_str(text).expect("a fault")
    }

    #[test]
    fn a_fault_hits_what_it_names_and_as_often_as_it_says() {
        let text =
            r#"{"match": {"provider": "mtn", "op": "submit", "msisdn": "0788000001"}, "kind": "status", "count": 1}"#;
        let mut faults = [fault(text)];
        let target = |provider, msisdn| Target { provider, op: "requesttopay", is_submit: true, msisdn };
        assert!(strike(&mut faults, &target(Provider::Airtel, Some("250788000001")), false).is_none());
        assert!(strike(&mut faults, &target(Provider::Mtn, Some("250788000002")), false).is_none());
        assert!(strike(&mut faults, &target(Provider::Mtn, None), false).is_none());
        assert!(strike(&mut faults, &target(Provider::Mtn, Some("250788000001")), true).is_none());
        assert!(strike(&mut faults, &target(Provider::Mtn, Some("250788000001")), false).is_some());
        assert!(strike(&mut faults, &target(Provider::Mtn, Some("250788000001")), false).is_none());
    }

    #[test]
    fn chance_is_repeated_by_its_seed() {
        let hits = |seed: u64| -> Vec<bool> {
            let mut faults = [fault(&format!(r#"{{"kind": "drop_before", "probability": 0.3, "seed": {seed}}}"#))];
            let target = Target { provider: Provider::Mtn, op: "token", is_submit: false, msisdn: None };
            (0..1_000).map(|_| strike(&mut faults, &target, false).is_some()).collect()
        };
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        let count = hits(7).iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&count), "{count}");
    }
}
