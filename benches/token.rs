//! The token check on the request path: what it costs the first time a token is seen, and every time after.
//!
//! Separate from the tests because only a release build says anything about time. The first time an Ed25519 signature is
//! checked, afterwards the token is found by its SHA-256; a request pays the second, a session the first once in a quarter
//! of an hour.

use std::hint::black_box;

use boda::ids::{SessionId, UserId};
use boda::time::{Span, Timestamp};
use boda::web::{Caller, Grant, Role, SecondFactor, TokenKeys};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
/// People whose tokens are in use at a time.
const PEOPLE: u128 = 10_000;

fn documents() -> Vec<(String, Vec<u8>)> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system has randomness");
    vec![("token-20260921".to_owned(), document.as_ref().to_vec())]
}

fn keys(documents: &[(String, Vec<u8>)]) -> TokenKeys {
    let keys = TokenKeys::new(documents, Span::from_minutes(15)).expect("a valid key");
    keys.remembering(100_000, 1_000_000)
}

fn token(keys: &TokenKeys, person: u128) -> String {
    let (user, session) = (UserId(Uuid::from_u128(person)), SessionId(Uuid::from_u128(person)));
    let grant = Grant { caller: Caller { user, role: Role::Driver, session }, second_factor: SecondFactor::None };
    keys.issue(&grant, NOW).expect("signs")
}

fn checks(criterion: &mut Criterion) {
    let documents = documents();
    let known = keys(&documents);
    // As after a busy quarter of an hour: many who signed out, many who did not.
    known.end((0..50_000).map(|n| SessionId(Uuid::from_u128(1 << 100 | n))), NOW);
    let tokens: Vec<String> = (0..PEOPLE).map(|person| token(&known, person)).collect();
    for token in &tokens {
        known.verify(token, NOW).expect("valid");
    }
    let mut next = tokens.iter().cycle();
    criterion.bench_function("token, seen before", |bencher| {
        bencher.iter(|| known.verify(black_box(next.next().expect("endless")), NOW).expect("valid"));
    });
    let mut next = tokens.iter().cycle();
    criterion.bench_function("token, seen for the first time", |bencher| {
        let fresh = || (keys(&documents), next.next().expect("endless"));
        bencher.iter_batched(
            fresh,
            |(keys, token)| keys.verify(black_box(token), NOW).expect("valid"),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, checks);
criterion_main!(benches);
