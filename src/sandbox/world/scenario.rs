//! What becomes of an order, by the number it is about. Never chance: the same number ends the same way every time.
//!
//! Separate because the two tables are looked up by people who write tests: MTN's own numbers for its sandbox in euros, and
//! ours for both wallets in francs, where the last three digits decide.

use crate::time::Span;

/// How an order ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The money moves, if it can.
    Success,
    /// It does not, for this reason in MTN's words.
    Failure(&'static str),
}

/// The life of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// After how long it ends, and how; never if none.
    pub ends: Option<(Span, End)>,
    /// Whether it is only `CREATED` until then, where the provider has the word.
    pub is_created: bool,
    /// Whether the answer to the order says that it failed, although it goes on.
    pub is_ambiguous: bool,
    /// How long nobody knows it after it was accepted.
    pub hidden: Span,
    /// Whether another amount moves than was asked for.
    pub is_off: bool,
    /// Whether the callback says that it failed.
    pub lies: bool,
    /// Whether the reason may be told at once instead of being found out by asking (a switch).
    pub may_fail_at_once: bool,
    /// What callbacks say of one that is not over, where they contradict the status (a switch).
    pub contradiction: Option<&'static str>,
}

impl Plan {
    /// Succeeds after a while.
    pub const fn success(after: Span) -> Self {
        Self {
            ends: Some((after, End::Success)),
            is_created: false,
            is_ambiguous: false,
            hidden: Span::ZERO,
            is_off: false,
            lies: false,
            may_fail_at_once: false,
            contradiction: None,
        }
    }

    /// Fails after a while.
    pub const fn failure(after: Span, reason: &'static str) -> Self {
        Self { ends: Some((after, End::Failure(reason))), ..Self::success(after) }
    }

    /// Never ends.
    const STUCK: Self = Self { ends: None, ..Self::success(Span::ZERO) };
}

/// Which of MTN's columns an order is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Request to pay, deposit, withdraw.
    Pay,
    /// Transfer.
    Transfer,
    /// Preapproval.
    Preapproval,
}

/// How long a prompt waits for its PIN.
pub const PROMPT_WITHIN: Span = Span::from_minutes(5);
/// How long a delayed order of MTN's sandbox takes.
const DELAYED: Span = Span::from_secs(25);
/// How long a hidden order is hidden.
const HIDDEN: Span = Span::from_secs(20);
/// How long an ambiguous one is, at least, for Airtel.
const AMBIGUOUS: Span = Span::from_secs(30);
/// When the late success comes.
const LATE: Span = Span::from_minutes(30);

/// The numbers of MTN's sandbox, from 46733123450 on.
const EUR_NUMBERS: u64 = 46_733_123_450;

/// MTN's codes from number 450 on, in the order of its table; `ongoing` and `delayed` are no codes.
const PAY: [&str; 14] = [
    "INTERNAL_PROCESSING_ERROR",
    "APPROVAL_REJECTED",
    "EXPIRED",
    "ongoing",
    "delayed",
    "PAYER_NOT_FOUND",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "INTERNAL_PROCESSING_ERROR",
    "SERVICE_UNAVAILABLE",
    "COULD_NOT_PERFORM_TRANSACTION",
];
const TRANSFER: [&str; 14] = [
    "INTERNAL_PROCESSING_ERROR",
    "APPROVAL_REJECTED",
    "EXPIRED",
    "ongoing",
    "delayed",
    "NOT_ENOUGH_FUNDS",
    "PAYER_LIMIT_REACHED",
    "PAYEE_NOT_FOUND",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "INTERNAL_PROCESSING_ERROR",
    "SERVICE_UNAVAILABLE",
];
const PREAPPROVAL: [&str; 12] = [
    "INTERNAL_PROCESSING_ERROR",
    "APPROVAL_REJECTED",
    "EXPIRED",
    "ongoing",
    "delayed",
    "PAYER_NOT_FOUND",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "INTERNAL_PROCESSING_ERROR",
    "SERVICE_UNAVAILABLE",
];
/// By the number that a refund names instead of a payment, from 1 on.
const REFUND: [&str; 13] = [
    "PAYER_NOT_FOUND",
    "INTERNAL_PROCESSING_ERROR",
    "APPROVAL_REJECTED",
    "EXPIRED",
    "ongoing",
    "delayed",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "INTERNAL_PROCESSING_ERROR",
    "SERVICE_UNAVAILABLE",
    "COULD_NOT_PERFORM_TRANSACTION",
];

/// MTN's sandbox in euros. It asks nobody, so all but one end at once.
pub fn in_euros(party: &str, column: Column) -> Plan {
    let place = party.parse::<u64>().ok().and_then(|number| number.checked_sub(EUR_NUMBERS));
    let place = place.and_then(|place| usize::try_from(place).ok());
    let table: &[&'static str] = match column {
        Column::Pay => &PAY,
        Column::Transfer => &TRANSFER,
        Column::Preapproval => &PREAPPROVAL,
    };
    match place.and_then(|place| Some((place, *table.get(place)?))) {
        Some((place, code)) => Plan { may_fail_at_once: place >= 5, ..by_code(code) },
        None => Plan::success(Span::ZERO),
    }
}

/// A refund of MTN's sandbox that names a number instead of a payment.
pub fn of_refund(named: &str) -> Option<Plan> {
    let place = named.parse::<usize>().ok()?.checked_sub(1)?;
    REFUND.get(place).map(|code| Plan { may_fail_at_once: place >= 6, ..by_code(code) })
}

fn by_code(code: &'static str) -> Plan {
    match code {
        "ongoing" => Plan { contradiction: Some("ONGOING"), ..Plan::STUCK },
        "delayed" => Plan { is_created: true, contradiction: Some("PAYER_DELAYED"), ..Plan::success(DELAYED) },
        code => Plan::failure(Span::ZERO, code),
    }
}

/// Both wallets in francs. `delay` is how long people take to answer; `is_to_payee` for money that goes to the number.
pub fn in_francs(party: &str, delay: Span, is_to_payee: bool) -> Plan {
    let no_wallet = if is_to_payee { "PAYEE_NOT_FOUND" } else { "PAYER_NOT_FOUND" };
    let limit = if is_to_payee { "PAYEE_LIMIT_REACHED" } else { "PAYER_LIMIT_REACHED" };
    let at_least = |span: Span| delay.max(span);
    match party.get(party.len().saturating_sub(3)..).unwrap_or_default() {
        "039" => Plan::failure(delay, "APPROVAL_REJECTED"),
        "049" => Plan::failure(delay, "NOT_ENOUGH_FUNDS"),
        "029" => Plan::failure(delay, no_wallet),
        "019" => Plan::failure(delay, limit),
        "059" => Plan::failure(PROMPT_WITHIN, "EXPIRED"),
        "129" => Plan::STUCK,
        "139" => Plan { is_ambiguous: true, ..Plan::success(delay) },
        "149" => Plan { hidden: HIDDEN, ..Plan::success(at_least(HIDDEN)) },
        "159" => Plan::success(LATE),
        "169" => Plan { is_off: true, ..Plan::success(delay) },
        "179" => Plan { lies: true, ..Plan::success(delay) },
        _ => Plan::success(delay),
    }
}

/// Airtel says `TA` of an ambiguous one for a while instead of failing the order.
pub fn of_airtel(party: &str, delay: Span, is_to_payee: bool) -> Plan {
    let plan = in_francs(party, delay, is_to_payee);
    if plan.is_ambiguous {
        return Plan { ends: Some((delay.max(AMBIGUOUS), End::Success)), ..plan };
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_number_ends_as_its_table_says() {
        let delay = Span::from_secs(2);
        let failed = |reason| Some((delay, End::Failure(reason)));
        for (tail, ends) in [
            ("001", Some((delay, End::Success))),
            ("039", failed("APPROVAL_REJECTED")),
            ("049", failed("NOT_ENOUGH_FUNDS")),
            ("029", failed("PAYER_NOT_FOUND")),
            ("019", failed("PAYER_LIMIT_REACHED")),
            ("059", Some((Span::from_minutes(5), End::Failure("EXPIRED")))),
            ("129", None),
            ("139", Some((delay, End::Success))),
            ("149", Some((Span::from_secs(20), End::Success))),
            ("159", Some((Span::from_minutes(30), End::Success))),
            ("169", Some((delay, End::Success))),
            ("179", Some((delay, End::Success))),
        ] {
            assert_eq!(in_francs(&format!("250788000{tail}"), delay, false).ends, ends, "{tail}");
        }
        assert_eq!(in_francs("250788000029", delay, true).ends, failed("PAYEE_NOT_FOUND"));
        assert_eq!(of_airtel("250730000139", delay, false).ends, Some((Span::from_secs(30), End::Success)));
    }

    #[test]
    fn the_numbers_of_mtns_sandbox_are_its_own() {
        let ends = |number: &str, column| in_euros(number, column).ends;
        let at_once = |reason| Some((Span::ZERO, End::Failure(reason)));
        assert_eq!(ends("46733123450", Column::Pay), at_once("INTERNAL_PROCESSING_ERROR"));
        assert_eq!(ends("46733123453", Column::Pay), None);
        assert_eq!(ends("46733123454", Column::Transfer), Some((Span::from_secs(25), End::Success)));
        assert_eq!(ends("46733123455", Column::Transfer), at_once("NOT_ENOUGH_FUNDS"));
        assert_eq!(ends("46733123463", Column::Pay), at_once("COULD_NOT_PERFORM_TRANSACTION"));
        assert_eq!(ends("46733123463", Column::Preapproval), Some((Span::ZERO, End::Success)));
        for number in ["46733123464", "46733123449", "250788000039", "", "x"] {
            assert_eq!(ends(number, Column::Pay), Some((Span::ZERO, End::Success)), "{number}");
        }
        assert_eq!(of_refund("5").map(|plan| plan.ends), Some(None));
        assert_eq!(of_refund("0"), None);
        assert_eq!(of_refund("14"), None);
    }
}
