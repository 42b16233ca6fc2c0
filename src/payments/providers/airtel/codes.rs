//! Airtel's codes in our words.
//!
//! Separate because this table decides what is final. Codes are matched whole, since their endings mean other things in
//! other countries; a code that is not in it says nothing.

use crate::payments::providers::{Operation, Reason};

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Done, or on its way: how it ended is asked.
    Taken,
    /// It will not happen.
    Final(Reason),
    /// It may happen.
    Unclear,
    /// Said of many things: a code beside it says which, and without one it may happen.
    Generic,
    /// The reference is known there.
    Exists,
    /// The reference is not known there, or not yet.
    NotFound,
    /// The signature does not fit: perhaps the key was changed.
    Signature,
}

/// What `code` says; `None` for a code that is not in the document, or that says nothing beside another.
pub fn class(code: &str, operation: Operation) -> Option<Class> {
    let number_of_wallet = if operation == Operation::Collection { Reason::InvalidPayer } else { Reason::InvalidPayee };
    let ours = Class::Final(Reason::Misconfigured);
    Some(match code {
        "DP00800001001" | "DP00800001006" | "DP00900001001" | "DP00900001006" | "ESB000010" => Class::Taken,
        "DP00800001005" => Class::Generic,
        "DP00800001000" | "DP00800001024" | "DP00800001029" | "DP00900001000" | "DP00900001014" | "ESB000001"
        | "ESB000004" | "ESB000014" | "ROUTER117" => Class::Unclear,
        "DP00800001002" | "DP00800001008" | "DP00800001009" => Class::Final(Reason::PayerDeclined),
        "DP00800001003" => Class::Final(Reason::PayerLimitReached),
        "DP00800001004" | "DP00900001004" => Class::Final(Reason::Amount),
        "DP00800001007" => Class::Final(Reason::InsufficientFunds),
        "DP00800001010" => Class::Final(Reason::PayerBlocked),
        "DP00800001025" | "DP00900001015" | "ESB000045" => Class::NotFound,
        "DP00800001026" | "DP00900001016" => Class::Signature,
        "DP00900001003" | "DP00900001010" => Class::Final(Reason::PayeeBlocked),
        "DP00900001005" | "DP00900001013" => Class::Final(Reason::Other),
        "DP00900001007" => Class::Final(Reason::OwnAccount),
        "DP00900001009" => ours,
        "DP00900001011" | "DP00900001017" | "ESB000041" => Class::Exists,
        "DP00900001012" | "ESB000033" | "ESB000036" => Class::Final(number_of_wallet),
        "ESB000008" | "ESB000034" | "ESB000035" | "ESB000039" => ours,
        "ROUTER001" | "ROUTER003" | "ROUTER005" | "ROUTER006" | "ROUTER007" | "ROUTER110" | "ROUTER112"
        | "ROUTER114" | "ROUTER115" | "ROUTER116" => ours,
        _ => return None,
    })
}

/// Why a transaction failed that the enquiry calls failed: these are final only beside that.
pub fn reason_of_failure(code: &str, operation: Operation) -> Reason {
    match (class(code, operation), code) {
        (Some(Class::Final(reason)), _) => reason,
        (_, "DP00800001024" | "DP00800001029") => Reason::PayerTimeout,
        _ => Reason::Other,
    }
}
