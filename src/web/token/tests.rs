//! Tokens: good ones, expired ones, and what forgers try.

use ring::signature::Ed25519KeyPair;

use super::*;
use crate::redact::Secret;

const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const LIFETIME: Span = Span::from_secs(900);

fn key(id: &str) -> (String, Vec<u8>) {
    let rng = ring::rand::SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&rng).expect("the system has randomness");
    (id.to_owned(), document.as_ref().to_vec())
}

fn keys() -> TokenKeys {
    TokenKeys::new(&[key("a")], LIFETIME).expect("valid key")
}

fn grant(role: Role, second_factor: SecondFactor) -> Grant {
    let caller = Caller { user: UserId(Uuid::from_u128(1)), role, session: SessionId(Uuid::from_u128(2)) };
    Grant { caller, second_factor }
}

fn driver() -> Grant {
    grant(Role::Driver, SecondFactor::None)
}

fn after_s(s: i64) -> Timestamp {
    T0 + Span::from_secs(s)
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.expect_err("refused").code()
}

#[test]
fn a_token_speaks_for_its_caller_until_it_expires() {
    let keys = keys();
    let token = keys.issue(&driver(), T0).expect("signs");
    for s in [0, 1, 899] {
        assert_eq!(keys.verify(&token, after_s(s)).expect("fresh"), driver().caller);
    }
    assert_eq!(code(keys.verify(&token, after_s(900))), "token_expired");
    assert_eq!(code(keys.verify(&token, after_s(86_400))), "token_expired");
}

#[test]
fn a_clock_that_is_ahead_is_forgiven_for_half_a_minute_only() {
    let keys = keys();
    let token = keys.issue(&driver(), after_s(30)).expect("signs");
    assert!(keys.verify(&token, T0).is_ok());
    let token = keys.issue(&driver(), after_s(31)).expect("signs");
    assert_eq!(code(keys.verify(&token, T0)), "unauthenticated");
    assert!(keys.verify(&token, after_s(31)).is_ok(), "later it is good");
}

#[test]
fn who_needs_a_second_factor_can_do_nothing_without() {
    let keys = keys();
    let check = |role, second_factor, expected: Option<&str>| {
        let token = keys.issue(&grant(role, second_factor), T0).expect("signs");
        assert!(keys.read(&token, T0).is_ok());
        assert_eq!(keys.verify(&token, T0).err().map(|error| error.code()), expected, "{role:?} {second_factor:?}");
    };
    for role in [Role::Customer, Role::Driver, Role::Agent] {
        check(role, SecondFactor::None, None);
        check(role, SecondFactor::Due, Some("second_factor_required"));
        check(role, SecondFactor::Given, None);
    }
    for role in [Role::Admin, Role::Government] {
        check(role, SecondFactor::None, Some("second_factor_enrolment_required"));
        check(role, SecondFactor::Due, Some("second_factor_required"));
        check(role, SecondFactor::Given, None);
    }
}

#[test]
fn a_partners_token_speaks_for_no_person() {
    let keys = keys();
    let scopes = Scopes::parse("places:read").expect("a scope");
    let partner = PartnerId(Uuid::from_u128(9));
    let token = keys.issue_to_partner(partner, scopes, T0).expect("signs");
    assert_eq!(keys.read(&token, T0).expect("valid"), Subject::Partner(partner, scopes));
    assert_eq!(code(keys.verify(&token, T0)), "forbidden");
    keys.end([SessionId(partner.0)], T0);
    assert_eq!(code(keys.read(&token, T0)), "unauthenticated");
}

#[test]
fn an_ended_sessions_token_is_dead_at_once_and_others_live() {
    let keys = keys();
    let mut other = driver();
    other.caller.session = SessionId(Uuid::from_u128(3));
    let (mine, other) = (keys.issue(&driver(), T0).expect("signs"), keys.issue(&other, T0).expect("signs"));
    assert!(keys.verify(&mine, T0).is_ok() && keys.verify(&other, T0).is_ok());
    keys.end([driver().caller.session], T0);
    assert_eq!(code(keys.verify(&mine, T0)), "unauthenticated");
    assert!(keys.verify(&other, T0).is_ok());
}

#[test]
fn a_forged_or_downgraded_token_is_refused() {
    let keys = keys();
    let token = keys.issue(&driver(), T0).expect("signs");
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let claims = head.split('.').nth(1).expect("claims");
    // {"alg":"none","kid":"a"} and {"alg":"HS256","typ":"at+jwt","kid":"a"}
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.{claims}.");
    let symmetric = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEifQ.{claims}.{signature}");
    let stranger = self::keys().issue(&driver(), T0).expect("signs");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let bent = format!("{head}.{first}{}", &signature[1..]);
    let long = format!("{token}{}", "A".repeat(100_000));
    for forged in ["", "a.b.c", &none, &symmetric, &stranger, &bent, &format!("{head}."), &long] {
        assert_eq!(code(keys.verify(forged, T0)), "unauthenticated", "{}", &forged[..forged.len().min(300)]);
    }
    assert_eq!(keys.seen.len(), 0, "what is wrong is not remembered");
    assert!(keys.verify(&token, T0).is_ok());
}

/// Signed with our own key, and yet no access token: of another kind, for somebody else, or half of one.
#[test]
fn what_is_signed_for_another_purpose_is_no_access_token() {
    let (id, document) = key("a");
    let keys = TokenKeys::new(&[(id, document.clone())], LIFETIME).expect("valid key");
    let signed = |kind: &str, change: fn(&mut serde_json::Value)| {
        let mut claims = serde_json::json!({
            "iss": "boda", "aud": "boda.api", "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2),
            "role": "driver", "mfa": "none", "iat": 1_790_000_000, "exp": 1_790_000_900,
        });
        change(&mut claims);
        let mut header = Header::new(Algorithm::EdDSA);
        (header.typ, header.kid) = (Some(kind.to_owned()), Some("a".to_owned()));
        jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_ed_der(&document)).expect("signs")
    };
    assert!(keys.verify(&signed("at+jwt", |_| ()), T0).is_ok());
    type Change = fn(&mut serde_json::Value);
    let others: [(&str, Change); 8] = [
        ("JWT", |_| ()),
        ("at+jwt", |claims| claims["iss"] = "somebody".into()),
        ("at+jwt", |claims| claims["aud"] = "another".into()),
        ("at+jwt", |claims| claims["role"] = "owner".into()),
        ("at+jwt", |claims| claims["scope"] = "reports:read".into()),
        ("at+jwt", |claims| drop(claims.as_object_mut().map(|claims| claims.remove("mfa")))),
        ("at+jwt", |claims| drop(claims.as_object_mut().map(|claims| claims.remove("aud")))),
        ("at+jwt", |claims| drop(claims.as_object_mut().map(|claims| claims.remove("exp")))),
    ];
    for (n, (kind, change)) in others.into_iter().enumerate() {
        assert_eq!(code(keys.verify(&signed(kind, change), T0)), "unauthenticated", "number {n}");
    }
}

#[test]
fn a_new_key_is_announced_before_it_signs_and_an_old_one_verifies_until_it_is_gone() {
    let documents = [key("token-1"), key("token-2")];
    let document = |n: usize, since| KeyDocument {
        id: documents[n].0.clone(),
        document: Secret::new(documents[n].1.clone()),
        since,
    };
    let keys = TokenKeys::new(&documents[..1], LIFETIME).expect("valid");
    let long = Span::from_minutes(10);
    let both = [document(0, T0), document(1, after_s(3_600))];
    let early = keys.issue(&driver(), after_s(3_600)).expect("signs");
    assert!(keys.replace(&both, long, after_s(3_601)).expect("valid"));
    assert_eq!((keys.signing_id().as_str(), keys.jwks().keys.len()), ("token-1", 2), "known, but not used yet");
    assert!(!keys.replace(&both, long, after_s(3_602)).expect("valid"), "nothing new");
    assert!(keys.replace(&both, long, after_s(4_200)).expect("valid"));
    assert_eq!(keys.signing_id(), "token-2");
    let late = keys.issue(&driver(), after_s(4_200)).expect("signs");
    assert!(keys.verify(&early, after_s(4_200)).is_ok() && keys.verify(&late, after_s(4_200)).is_ok());
    keys.replace(&both[1..], long, after_s(4_201)).expect("valid");
    assert_eq!(code(keys.verify(&early, after_s(4_201))), "unauthenticated", "a key that is gone verifies nothing");
    assert!(keys.verify(&late, after_s(4_201)).is_ok());
    let broken = KeyDocument { document: Secret::new(vec![1, 2, 3]), ..document(0, T0) };
    assert!(keys.replace(&[broken], long, after_s(4_202)).is_err());
    assert!(keys.verify(&late, after_s(4_202)).is_ok(), "the keys stay as they were");
}

#[test]
fn what_is_remembered_is_bounded() {
    let keys = keys().remembering(32, 10);
    for n in 0..300_u32 {
        let mut grant = driver();
        grant.caller.user = UserId(Uuid::from_u128(n.into()));
        let token = keys.issue(&grant, T0).expect("signs");
        assert_eq!(keys.verify(&token, T0).expect("valid"), grant.caller);
        assert_eq!(keys.verify(&token, T0).expect("remembered"), grant.caller);
        assert!(keys.seen.len() <= 2 * 32, "{}", keys.seen.len());
    }
}
