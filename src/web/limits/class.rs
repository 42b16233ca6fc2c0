//! Which kind a route is of: routes of one kind cost alike and are asked for alike, and share one rate.
//!
//! Separate because this is the list to look at when a route is added. It goes by method and by the route as registered,
//! never by the address as sent.

use axum::http::Method;

use crate::web::API_PREFIX;

/// A kind of route. In the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Proves who one is: registering, codes, passwords. Guessing happens here.
    SignIn,
    /// Goes on with a session: refreshing, signing out.
    Session,
    /// Shows something.
    Read,
    /// Changes something.
    Write,
    /// Brings a file.
    Upload,
    /// What the people who run the platform do.
    Admin,
    /// What officials read: wide reports over many people.
    Government,
}

impl Class {
    /// Every one, in order.
    pub const ALL: [Self; 7] =
        [Self::SignIn, Self::Session, Self::Read, Self::Write, Self::Upload, Self::Admin, Self::Government];

    /// In headers, in metrics and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Session => "session",
            Self::Read => "read",
            Self::Write => "write",
            Self::Upload => "upload",
            Self::Admin => "admin",
            Self::Government => "government",
        }
    }

    /// Of a request for this route; `None` where something else limits: sockets have an admission of their own.
    pub fn of(method: &Method, route: Option<&str>) -> Option<Self> {
        let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let other = if is_read { Self::Read } else { Self::Write };
        let Some(path) = route.and_then(|route| route.strip_prefix(API_PREFIX)) else { return Some(other) };
        let (room, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        Some(match room {
            "socket" => return None,
            "auth" if is_read => Self::Read,
            "auth" if matches!(rest, "refresh" | "logout") || rest.starts_with("sessions") => Self::Session,
            "auth" => Self::SignIn,
            "me" if !is_read && ["password", "phone", "second-factor"].iter().any(|word| rest.starts_with(word)) => {
                Self::SignIn
            }
            "admin" => Self::Admin,
            "government" => Self::Government,
            _ if !is_read && rest.contains("/documents") => Self::Upload,
            _ => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_of_the_kind_of_what_it_does() {
        let check = |method: Method, path: &str, class: Option<Class>| {
            let route = format!("{API_PREFIX}{path}");
            assert_eq!(Class::of(&method, Some(&route)), class, "{method} {path}");
        };
        check(Method::POST, "/auth/login", Some(Class::SignIn));
        check(Method::POST, "/auth/code", Some(Class::SignIn));
        check(Method::POST, "/auth/refresh", Some(Class::Session));
        check(Method::DELETE, "/auth/sessions/{id}", Some(Class::Session));
        check(Method::GET, "/auth/sessions", Some(Class::Read));
        check(Method::PUT, "/me/password", Some(Class::SignIn));
        check(Method::POST, "/me/second-factor/confirm", Some(Class::SignIn));
        check(Method::PATCH, "/me", Some(Class::Write));
        check(Method::GET, "/rides/{id}", Some(Class::Read));
        check(Method::POST, "/rides", Some(Class::Write));
        check(Method::POST, "/drivers/me/documents", Some(Class::Upload));
        check(Method::GET, "/drivers/me/documents", Some(Class::Read));
        check(Method::POST, "/admin/drivers/{id}/approve", Some(Class::Admin));
        check(Method::GET, "/government/drivers", Some(Class::Government));
        check(Method::GET, "/socket", None);
        assert_eq!(Class::of(&Method::GET, None), Some(Class::Read));
        assert_eq!(Class::of(&Method::GET, Some("/metrics")), Some(Class::Read));
    }
}
