//! MTN's reason codes in our words.
//!
//! Separate because this table decides what is final. A code that is not in it is never final by itself.

use crate::payments::providers::{Operation, Reason};

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Final when a status says FAILED, or a request is refused by a 4xx with it.
    Final(Reason),
    /// We asked wrongly: nothing was created, whatever the HTTP status.
    Ours,
    /// Says nothing of the end, not even beside FAILED.
    Open,
    /// Nothing is known under the reference, or not yet.
    NotFound,
    /// An earlier order with the reference was taken.
    Exists,
    /// The platform's trouble: unknown on submit, final beside FAILED.
    Theirs,
}

/// What `code` says of an operation; `None` for a code that is not in the document. Who pays differs: in a collection the
/// payer is a rider, in a payout and a refund it is us.
pub fn class(code: &str, operation: Operation) -> Option<Class> {
    let collects = operation == Operation::Collection;
    let payer = |reason| Class::Final(if collects { reason } else { Reason::OwnAccount });
    let payee = |reason| Class::Final(if collects { Reason::OwnAccount } else { reason });
    let person = |reason| Class::Final(if collects { reason } else { Reason::Other });
    Some(match code {
        "PAYER_NOT_FOUND" => payer(Reason::InvalidPayer),
        "PAYEE_NOT_FOUND" => payee(Reason::InvalidPayee),
        "NOT_ENOUGH_FUNDS" | "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED" => payer(Reason::InsufficientFunds),
        "PAYER_LIMIT_REACHED" => payer(Reason::PayerLimitReached),
        "PAYEE_LIMIT_REACHED" | "PAYEE_NOT_ALLOWED_TO_RECEIVE" => payee(Reason::PayeeBlocked),
        "SENDER_ACCOUNT_NOT_ACTIVE" => payer(Reason::PayerBlocked),
        "APPROVAL_REJECTED" | "PAYMENT_NOT_APPROVED" | "TRANSACTION_CANCELED" => person(Reason::PayerDeclined),
        "EXPIRED" | "COULD_NOT_PERFORM_TRANSACTION" => person(Reason::PayerTimeout),
        "NOT_ALLOWED"
        | "NOT_ALLOWED_TARGET_ENVIRONMENT"
        | "INVALID_CALLBACK_URL_HOST"
        | "INVALID_CURRENCY"
        | "VALIDATION_ERROR"
        | "TRANSFER_TYPE_UNKNOWN" => Class::Ours,
        "INTERNAL_PROCESSING_ERROR" | "SERVICE_UNAVAILABLE" => Class::Theirs,
        "RESOURCE_NOT_FOUND" | "TRANSACTION_NOT_FOUND" => Class::NotFound,
        "RESOURCE_ALREADY_EXIST" => Class::Exists,
        "ONGOING" | "PAYER_DELAYED" | "PAYEE_DELAYED" => Class::Open,
        _ => return None,
    })
}
