//! Who is at the other end: the address of the client, also behind proxies, and whether the way there is encrypted.
//!
//! Separate because everything that judges by address (sign-in, sockets, limits) must judge by the same one. Only proxies
//! that the operator names are believed. What they say is read from the right, each hop vouching for the one to its
//! left, and reading ends at the first that is not trusted: what stands left of it the client wrote itself. Only the one
//! header that the proxies are known to set is read, since a proxy passes on the other one as the client sent it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::web::networks::Networks;

/// More hops than any real way has; the rest was invented.
const HOPS_MAX: usize = 32;

/// Which header the trusted proxies set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`, as nearly all do.
    XForwarded,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// Whom to believe about clients.
#[derive(Clone, Debug)]
pub struct Proxies {
    /// Where proxies of ours are.
    pub trusted: Networks,
    /// How they say whom they speak for.
    pub forwarding: Forwarding,
}

/// A mark on a request whose way to us is encrypted, as far as we know: by our own TLS, or by a trusted proxy's word.
#[derive(Clone, Copy, Debug)]
pub struct IsSecure;

/// One hop, as written by the next one.
struct Hop<'a> {
    address: Option<IpAddr>,
    protocol: Option<&'a str>,
}

/// Middleware: puts the client's address where the connection's was, and marks what came encrypted.
pub async fn find_client(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    if !proxies.trusted.is_empty()
        && let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied()
        && proxies.trusted.contains(peer.ip())
    {
        let (client, is_secure) = proxies.client(peer.ip(), request.headers());
        if client != peer.ip() {
            // Its port is not known, and nobody asks for it.
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
        }
        if is_secure {
            request.extensions_mut().insert(IsSecure);
        }
    }
    next.run(request).await
}

impl Proxies {
    /// The client that a trusted peer speaks for, and whether that client's way is encrypted.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> (IpAddr, bool) {
        let hops = match self.forwarding {
            Forwarding::XForwarded => x_forwarded(headers),
            Forwarding::Forwarded => forwarded(headers),
        };
        let (mut client, mut is_secure) = (peer, false);
        for hop in hops.iter().rev().take(HOPS_MAX) {
            let Some(address) = hop.address else { break };
            client = address;
            if let Some(protocol) = hop.protocol {
                is_secure = protocol.eq_ignore_ascii_case("https");
            }
            if !self.trusted.contains(address) {
                break;
            }
        }
        (client, is_secure)
    }
}

/// The elements of all lines of a header, left to right.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn x_forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    // The proxy that we talk to writes the last one; an address with each of them is not usual.
    let protocol = elements(headers, HeaderName::from_static("x-forwarded-proto")).last();
    let addresses = elements(headers, HeaderName::from_static("x-forwarded-for"));
    addresses.map(|text| Hop { address: node(text), protocol }).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    elements(headers, header::FORWARDED).map(forwarded_element).collect()
}

/// `for=192.0.2.43;proto=https;by=203.0.113.43`
fn forwarded_element(element: &str) -> Hop<'_> {
    let value_of = |name: &str| {
        let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().trim_matches('"'))
    };
    Hop { address: value_of("for").and_then(node), protocol: value_of("proto") }
}

/// An address with or without port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. A name made up by a
/// proxy that does not want to tell (`_hidden`, `unknown`) is none.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(forwarding: Forwarding) -> Proxies {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|text| text.parse().expect("a network"));
        Proxies { trusted: Networks::new(trusted.to_vec()), forwarding }
    }

    #[track_caller]
    fn check(forwarding: Forwarding, lines: &[(&'static str, &str)], client: &str, is_secure: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let found = proxies(forwarding).client("10.0.0.1".parse().expect("an address"), &headers);
        assert_eq!(found, (client.parse().expect("an address"), is_secure), "{lines:?}");
    }

    #[test]
    fn the_first_hop_from_the_right_that_is_not_ours_is_the_client() {
        let check = |lines: &[(&'static str, &str)], client: &str| check(Forwarding::XForwarded, lines, client, false);
        check(&[], "10.0.0.1");
        check(&[("x-forwarded-for", "198.51.100.7")], "198.51.100.7");
        check(&[("x-forwarded-for", "198.51.100.7, 10.2.3.4")], "198.51.100.7");
        check(&[("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "10.2.3.4")], "198.51.100.7");
        check(&[("x-forwarded-for", "[2001:db8:9::7]:4711, 2001:db8:1::1")], "2001:db8:9::7");
        check(&[("x-forwarded-for", "198.51.100.7:4711")], "198.51.100.7");
        check(&[("x-forwarded-for", "::ffff:198.51.100.7")], "198.51.100.7");
        // All of them ours: the farthest is where it began.
        check(&[("x-forwarded-for", "10.9.9.9, 10.2.3.4")], "10.9.9.9");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        let check = |lines: &[(&'static str, &str)], client: &str| check(Forwarding::XForwarded, lines, client, false);
        check(&[("x-forwarded-for", "127.0.0.1, 198.51.100.7")], "198.51.100.7");
        check(&[("x-forwarded-for", "10.1.1.1, 198.51.100.7, 10.2.3.4")], "198.51.100.7");
        // Whatever cannot be read ends the reading, at the last hop that is known.
        check(&[("x-forwarded-for", "198.51.100.7, unknown, 10.2.3.4")], "10.2.3.4");
        check(&[("x-forwarded-for", "198.51.100.7, ' OR 1=1 --")], "10.0.0.1");
        check(&[("x-forwarded-for", "")], "10.0.0.1");
        check(&[("x-forwarded-for", ",,,")], "10.0.0.1");
        check(&[("forwarded", "for=198.51.100.7")], "10.0.0.1");
        let long = vec!["10.2.3.4"; 100].join(",");
        check(&[("x-forwarded-for", &format!("198.51.100.7,{long}"))], "10.2.3.4");
    }

    #[test]
    fn the_standard_header_says_the_same() {
        let check = |line: &str, client: &str, is_secure: bool| {
            check(Forwarding::Forwarded, &[("forwarded", line)], client, is_secure);
        };
        check("for=198.51.100.7;proto=https", "198.51.100.7", true);
        check("For=\"[2001:db8:9::7]:4711\";Proto=HTTPS, for=10.2.3.4;proto=http", "2001:db8:9::7", true);
        check("for=127.0.0.1;proto=https, for=198.51.100.7;proto=http", "198.51.100.7", false);
        check("for=_hidden;proto=https, for=10.2.3.4", "10.2.3.4", false);
        check("proto=https", "10.0.0.1", false);
    }

    #[test]
    fn the_last_word_on_the_protocol_is_that_of_the_proxy_we_talk_to() {
        let with = |protocol: &'static str| [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", protocol)];
        check(Forwarding::XForwarded, &with("https"), "198.51.100.7", true);
        check(Forwarding::XForwarded, &with("https, http"), "198.51.100.7", false);
        check(Forwarding::XForwarded, &with("gopher"), "198.51.100.7", false);
    }
}
