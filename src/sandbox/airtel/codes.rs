//! Airtel's codes and its envelope.
//!
//! Separate because the same thing has another code in every product, and which is which is the whole difficulty of Airtel.

use serde_json::{Value, json};

use crate::sandbox::wire::Reply;

/// A product's codes.
#[derive(Clone, Copy)]
pub struct Codes {
    prefix: &'static str,
    duplicate: &'static str,
}

/// Of payments and refunds.
pub const COLLECTION: Codes = Codes { prefix: "DP008000", duplicate: "01005" };
/// Of payouts.
pub const DISBURSEMENT: Codes = Codes { prefix: "DP009000", duplicate: "01011" };

impl Codes {
    /// A code of this product by its end.
    pub fn code(self, end: &str) -> String {
        format!("{}{end}", self.prefix)
    }

    /// The identity is taken.
    pub fn duplicate(self) -> Reply {
        self.refused(self.duplicate, "ESB000041", "Transaction id is already in use")
    }

    /// What the product says of a reason in MTN's words.
    pub fn of_reason(self, reason: &str) -> String {
        let is_payout = self.prefix == DISBURSEMENT.prefix;
        self.code(match reason {
            "NOT_ENOUGH_FUNDS" => "01007",
            "PAYER_LIMIT_REACHED" | "PAYEE_LIMIT_REACHED" => "01003",
            "APPROVAL_REJECTED" if is_payout => "01005",
            "APPROVAL_REJECTED" => "01008",
            "PAYER_NOT_FOUND" | "PAYEE_NOT_FOUND" if is_payout => "01012",
            "PAYER_NOT_FOUND" | "PAYEE_NOT_FOUND" => "01010",
            "SENDER_ACCOUNT_NOT_ACTIVE" | "PAYEE_NOT_ALLOWED_TO_RECEIVE" => "01010",
            "EXPIRED" if is_payout => "01005",
            "EXPIRED" => "01029",
            _ => "01005",
        })
    }

    /// HTTP 200 and no success.
    pub fn refused(self, end: &str, result: &str, message: &str) -> Reply {
        Reply::json(200, &json!({"status": status(false, &self.code(end), result, message)}))
    }
}

/// The part of an answer that says how it went.
pub fn status(success: bool, response: &str, result: &str, message: &str) -> Value {
    json!({
        "response_code": response,
        "code": if success { "200" } else { "400" },
        "success": success,
        "result_code": result,
        "message": message,
    })
}

/// A reason of failure, for people.
pub fn words(reason: &str) -> &'static str {
    match reason {
        "NOT_ENOUGH_FUNDS" => "Insufficient balance",
        "PAYER_LIMIT_REACHED" | "PAYEE_LIMIT_REACHED" => "Exceeds withdrawal amount limit",
        "APPROVAL_REJECTED" => "The transaction was refused",
        "PAYER_NOT_FOUND" | "PAYEE_NOT_FOUND" => {
            "Payee is already initiated for churn or barred or not registered on Airtel Money platform"
        }
        "EXPIRED" => "Transaction has expired",
        _ => "Transaction has failed",
    }
}
