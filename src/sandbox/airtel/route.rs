//! Which call is which.

use axum::http::Method;

/// A call that there is; the number is the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /auth/oauth2/token`
    Token,
    /// `GET /v1/rsa/encryption-keys`
    Keys,
    /// `POST /merchant/v{1,2}/payments/`
    Collect(u8),
    /// `POST /standard/v{1,2}/payments/refund`
    Refund(u8),
    /// `POST /standard/v{1,2,3}/disbursements/`
    Disburse(u8),
    /// `GET /standard/v{1,2}/payments/{id}`
    Collected(&'a str),
    /// `GET /standard/v{1,2,3}/disbursements/{id}`
    Disbursed(&'a str),
    /// `GET /standard/v{1,2}/users/{msisdn}`
    Kyc(&'a str),
    /// `GET /standard/v{1,2}/users/balance`
    Balance,
    /// `GET /merchant/v{1,2}/transactions`
    Summary,
}

impl Route<'_> {
    /// For faults and for the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Keys => "keys",
            Self::Collect(_) => "payments",
            Self::Refund(_) => "refund",
            Self::Disburse(_) => "disbursements",
            Self::Collected(_) => "payments.status",
            Self::Disbursed(_) => "disbursements.status",
            Self::Kyc(_) => "kyc",
            Self::Balance => "balance",
            Self::Summary => "summary",
        }
    }

    /// Whether money is asked to move.
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Collect(_) | Self::Refund(_) | Self::Disburse(_))
    }
}

/// The call that this is.
pub fn find<'a>(method: &Method, segments: &[&'a str]) -> Option<Route<'a>> {
    let version = |text: &str| match text {
        "v1" => Some(1),
        "v2" => Some(2),
        "v3" => Some(3),
        _ => None,
    };
    let (is_post, is_get) = (method == Method::POST, method == Method::GET);
    match segments {
        ["auth", "oauth2", "token"] if is_post => Some(Route::Token),
        ["v1", "rsa", "encryption-keys"] if is_get => Some(Route::Keys),
        ["merchant", v, "payments"] if is_post => Some(Route::Collect(version(v)?)),
        ["standard", v, "payments", "refund"] if is_post => Some(Route::Refund(version(v)?)),
        ["standard", v, "disbursements"] if is_post => Some(Route::Disburse(version(v)?)),
        // Some clients refund where they collect.
        ["merchant", v, "payments", "refund"] if is_post => Some(Route::Refund(version(v)?)),
        ["standard", v, "payments", id] if is_get => version(v).map(|_| Route::Collected(id)),
        ["standard", v, "disbursements", id] if is_get => version(v).map(|_| Route::Disbursed(id)),
        ["standard", v, "users", "balance"] if is_get => version(v).map(|_| Route::Balance),
        ["standard", v, "users", msisdn] if is_get => version(v).map(|_| Route::Kyc(msisdn)),
        ["merchant", v, "transactions"] if is_get => version(v).map(|_| Route::Summary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found() {
        let find = |method: Method, path: &'static str| {
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            find(&method, &segments)
        };
        assert_eq!(find(Method::POST, "/merchant/v1/payments/"), Some(Route::Collect(1)));
        assert_eq!(find(Method::POST, "/merchant/v2/payments"), Some(Route::Collect(2)));
        assert_eq!(find(Method::GET, "/standard/v1/payments/A1"), Some(Route::Collected("A1")));
        assert_eq!(find(Method::POST, "/standard/v3/disbursements/"), Some(Route::Disburse(3)));
        assert_eq!(find(Method::GET, "/standard/v1/users/balance"), Some(Route::Balance));
        assert_eq!(find(Method::GET, "/standard/v1/users/730000001"), Some(Route::Kyc("730000001")));
        assert_eq!(find(Method::GET, "/standard/v4/users/730000001"), None);
        assert_eq!(find(Method::GET, "/merchant/v1/payments/"), None);
    }
}
