//! Which call is which.
//!
//! Separate because paths are the one thing that clients of MTN disagree about.

use axum::http::Method;

use crate::sandbox::world::{Column, Flow};

/// What can be ordered.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The product it belongs to.
    pub product: &'static str,
    /// In the path.
    pub name: &'static str,
    /// Asking about it, for faults and for the log.
    pub status_name: &'static str,
    /// Which way the money goes.
    pub flow: Flow,
    /// Where the body says whose wallet it is.
    pub party: &'static str,
    /// Where the documentation lists what becomes of it.
    pub column: Column,
}

macro_rules! kind {
    ($product:literal, $name:literal, $flow:ident, $party:literal, $column:ident) => {
        Kind {
            product: $product,
            name: $name,
            status_name: concat!($name, ".status"),
            flow: Flow::$flow,
            party: $party,
            column: Column::$column,
        }
    };
}

/// Everything that can be ordered.
pub const KINDS: [Kind; 10] = [
    kind!("collection", "requesttopay", In, "payer", Pay),
    kind!("collection", "requesttowithdraw", In, "payer", Pay),
    kind!("collection", "preapproval", Nowhere, "payer", Preapproval),
    kind!("collection", "invoice", In, "intendedPayer", Pay),
    kind!("collection", "payment", In, "customerReference", Pay),
    kind!("disbursement", "transfer", Out, "payee", Transfer),
    kind!("disbursement", "deposit", Out, "payee", Pay),
    kind!("disbursement", "refund", Back, "referenceIdToRefund", Pay),
    kind!("remittance", "transfer", Out, "payee", Transfer),
    kind!("remittance", "cashtransfer", Out, "payee", Transfer),
];

/// A wallet in a path: `msisdn/250788000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// `msisdn`, `email`, `alias`, `id`, in any case.
    pub kind: &'a str,
    /// As sent.
    pub id: &'a str,
}

/// A call that there is. The first field is the product, where there is one.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /v1_0/apiuser`
    CreateUser,
    /// `POST /v1_0/apiuser/{id}/apikey`
    CreateKey(&'a str),
    /// `GET /v1_0/apiuser/{id}`
    User(&'a str),
    /// `POST /{product}/token/`
    Token(&'static str),
    /// `POST /{product}/oauth2/token/`
    ConsentToken(&'static str),
    /// `POST /{product}/v1_0/bc-authorize`
    Authorize(&'static str),
    /// `GET /{product}/oauth2/v1_0/userinfo`
    UserInfo(&'static str),
    /// `POST /{product}/v1_0/{kind}`
    Order(&'static str, &'static Kind),
    /// `GET /{product}/v1_0/{kind}/{reference}`
    Standing(&'static str, &'static Kind, &'a str),
    /// `POST /{product}/v1_0/requesttopay/{reference}/deliverynotification`
    Notify(&'static str, &'a str),
    /// `DELETE /{product}/v1_0/{kind}/{reference}`
    Cancel(&'static str, &'static Kind, &'a str),
    /// `GET /collection/v1_0/preapprovals/{type}/{id}`
    Mandates(&'static str, Party<'a>),
    /// `GET /{product}/v1_0/accountholder/{type}/{id}/active`
    Active(&'static str, Party<'a>),
    /// `GET /{product}/v1_0/accountholder/{type}/{id}/basicuserinfo`
    BasicInfo(&'static str, Party<'a>),
    /// `GET /{product}/v1_0/account/balance[/{currency}]`
    Balance(&'static str, Option<&'a str>),
}

impl Route<'_> {
    /// For faults and for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateUser | Self::User(_) => "apiuser",
            Self::CreateKey(_) => "apikey",
            Self::Token(_) => "token",
            Self::ConsentToken(_) => "oauth2.token",
            Self::Authorize(_) => "bc-authorize",
            Self::UserInfo(_) => "userinfo",
            Self::Order(_, kind) => kind.name,
            Self::Standing(_, kind, _) => kind.status_name,
            Self::Notify(..) => "deliverynotification",
            Self::Cancel(..) => "cancel",
            Self::Mandates(..) => "preapprovals",
            Self::Active(..) => "active",
            Self::BasicInfo(..) => "basicuserinfo",
            Self::Balance(..) => "balance",
        }
    }
}

/// The call that this is.
pub fn find<'a>(method: &Method, segments: &[&'a str]) -> Option<Route<'a>> {
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let is_post = method == Method::POST;
    let is_get = method == Method::GET;
    match (lower.as_slice(), segments) {
        (["v1_0", "apiuser"], _) if is_post => return Some(Route::CreateUser),
        (["v1_0", "apiuser", _, "apikey"], [_, _, id, _]) if is_post => return Some(Route::CreateKey(id)),
        (["v1_0", "apiuser", _], [_, _, id]) if is_get => return Some(Route::User(id)),
        _ => {}
    }
    let (first, rest) = lower.split_first()?;
    let as_sent = segments.get(1..)?;
    let product = ["collection", "disbursement", "remittance"].into_iter().find(|product| product == first)?;
    let kind = |name: &str| KINDS.iter().find(|kind| kind.product == product && kind.name == name);
    match (rest, as_sent) {
        (["token"], _) if is_post => Some(Route::Token(product)),
        (["oauth2", "token"], _) if is_post => Some(Route::ConsentToken(product)),
        (["v1_0" | "v2_0", "bc-authorize"], _) if is_post => Some(Route::Authorize(product)),
        (["oauth2", "v1_0", "userinfo"], _) if is_get => Some(Route::UserInfo(product)),
        (["v1_0", "account", "balance"], _) if is_get => Some(Route::Balance(product, None)),
        (["v1_0", "account", "balance", _], [.., currency]) if is_get => Some(Route::Balance(product, Some(currency))),
        (["v1_0", "accountholder", _, _, what], [_, _, kind, id, _]) if is_get => match *what {
            "active" => Some(Route::Active(product, Party { kind, id })),
            "basicuserinfo" => Some(Route::BasicInfo(product, Party { kind, id })),
            _ => None,
        },
        (["v1_0" | "v2_0", "preapprovals", _, _], [_, _, kind, id]) if is_get => {
            Some(Route::Mandates(product, Party { kind, id }))
        }
        (["v1_0" | "v2_0", name], _) if is_post => Some(Route::Order(product, kind(name)?)),
        (["v1_0" | "v2_0", name, _], [.., reference]) if is_get => {
            Some(Route::Standing(product, kind(name)?, reference))
        }
        (["v1_0" | "v2_0", name @ ("preapproval" | "invoice"), _], [.., reference]) if method == Method::DELETE => {
            Some(Route::Cancel(product, kind(name)?, reference))
        }
        (["v1_0" | "v2_0", "requesttopay", _, "deliverynotification"], [_, _, reference, _]) if is_post => {
            Some(Route::Notify(product, reference))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_every_spelling_that_clients_use() {
        let find = |method: Method, path: &'static str| {
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            find(&method, &segments).map(|route| route.name())
        };
        for (method, path, name) in [
            (Method::POST, "/v1_0/apiuser", Some("apiuser")),
            (Method::POST, "/v1_0/apiuser/x/apikey", Some("apikey")),
            (Method::GET, "/v1_0/apiuser/x", Some("apiuser")),
            (Method::POST, "/collection/token/", Some("token")),
            (Method::POST, "/collection/token", Some("token")),
            (Method::POST, "/disbursement/oauth2/token/", Some("oauth2.token")),
            (Method::POST, "/collection/v1_0/requesttopay", Some("requesttopay")),
            (Method::GET, "/collection/v1_0/requesttopay/x", Some("requesttopay.status")),
            (Method::POST, "/disbursement/v1_0/requesttopay", None),
            (Method::POST, "/disbursement/v2_0/deposit", Some("deposit")),
            (Method::POST, "/remittance/v2_0/cashtransfer", Some("cashtransfer")),
            (Method::GET, "/collection/v1_0/accountholder/MSISDN/250788000001/active", Some("active")),
            (Method::GET, "/collection/v1_0/accountholder/msisdn/x/basicuserinfo", Some("basicuserinfo")),
            (Method::GET, "/collection/v1_0/account/balance/EUR", Some("balance")),
            (Method::DELETE, "/collection/v2_0/invoice/x", Some("cancel")),
            (Method::DELETE, "/collection/v1_0/requesttopay/x", None),
            (Method::POST, "/collection/v1_0/requesttopay/x/deliverynotification", Some("deliverynotification")),
            (Method::GET, "/_sim/requests", None),
            (Method::GET, "/", None),
        ] {
            assert_eq!(find(method.clone(), path), name, "{method} {path}");
        }
    }
}
