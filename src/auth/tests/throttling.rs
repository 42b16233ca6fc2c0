//! Tries against a real database: growing waits, whoever tries and from wherever.

use sqlx::PgPool;

use super::*;

fn from(address: &str) -> Device {
    Device { ip: Some(address.parse().expect("an address")), ..device() }
}

async fn registered_with_password(auth: &Auth) {
    let tokens = signed_in(auth).await;
    let who = auth.inner.tokens.verify(tokens.access.expose(), T0).expect("valid");
    auth.set_password((who.user, who.session), None, secret("the password"), T0).await.expect("set");
}

#[sqlx::test(migrations = "./migrations")]
async fn guesses_at_one_phone_from_many_addresses_never_exceed_the_limit(pool: PgPool) {
    let auth = auth(&pool);
    registered_with_password(&auth).await;
    let stranger = Phone::parse("0722000001").expect("valid");
    for phone in [phone(), stranger] {
        let guesses = (0..40).map(|n| {
            let (auth, from) = (auth.clone(), from(&format!("203.0.113.{n}")));
            tokio::spawn(async move { auth.login(phone, secret("a guess"), &from, s(10)).await.map(drop) })
        });
        let mut answers: BTreeMap<&str, u32> = BTreeMap::new();
        for guess in guesses.collect::<Vec<_>>() {
            let error = guess.await.expect("no panic").expect_err("wrong");
            *answers.entry(error.code()).or_default() += 1;
        }
        assert_eq!(answers, BTreeMap::from([("wrong_credentials", 3), ("rate_limited", 37)]));
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn who_got_no_turn_at_hashing_has_not_tried(pool: PgPool) {
    let full = Config { hashing_max: 0, hashing_queue_max: 0, ..config() };
    let documents = [("a".to_owned(), KEY.to_vec())];
    let tokens = Arc::new(TokenKeys::new(&documents, Span::from_secs(900)).expect("valid"));
    let full = Auth::new(pool.clone(), full, &Secret::new([7; 32]), tokens, Vault::for_tests()).expect("random");
    for at in 0..10 {
        let error = full.login(phone(), secret("a guess"), &device(), s(at)).await.expect_err("no turn");
        assert_eq!(error.code(), "unavailable", "number {at}");
    }
    let wrong = auth(&pool).login(phone(), secret("a guess"), &device(), s(20)).await.expect_err("wrong");
    assert_eq!(wrong.code(), "wrong_credentials");
}

#[sqlx::test(migrations = "./migrations")]
async fn each_further_try_waits_twice_as_long_and_a_right_one_makes_all_good(pool: PgPool) {
    let auth = auth(&pool);
    registered_with_password(&auth).await;
    let wrong = async |at: i64| match auth.login(phone(), secret("a guess"), &device(), s(at)).await {
        Err(Error::RateLimited { retry_after }) => retry_after.as_secs(),
        Err(error) if error.code() == "wrong_credentials" => 0,
        other => panic!("{other:?}"),
    };
    for at in [0, 1, 2] {
        assert_eq!(wrong(at).await, 0, "a free one");
    }
    assert_eq!(wrong(3).await, 29);
    assert_eq!(wrong(31).await, 1, "asking in between makes it no longer");
    assert_eq!(wrong(32).await, 0);
    assert_eq!(wrong(33).await, 59);
    assert_eq!(wrong(92).await, 0);
    assert_eq!(wrong(93).await, 119);
    let waits = auth.login(phone(), secret("the password"), &device(), s(200)).await.expect_err("the right one, too");
    assert_eq!(waits.code(), "rate_limited");
    auth.login(phone(), secret("the password"), &device(), s(212)).await.expect("right");
    for at in [213, 214, 215] {
        assert_eq!(wrong(at).await, 0, "all good again");
    }
    assert!(wrong(216).await > 0);
    assert_eq!(wrong(100_000).await, 0, "forgotten after a long while");
    assert_eq!(wrong(100_001).await, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn the_longest_wait_is_bounded(pool: PgPool) {
    let auth = auth(&pool);
    let mut at = 0;
    let mut longest = 0;
    for _ in 0..20 {
        match auth.login(phone(), secret("a guess"), &device(), s(at)).await {
            Err(Error::RateLimited { retry_after }) => {
                longest = longest.max(retry_after.as_secs());
                at += retry_after.as_secs();
            }
            Err(_) => at += 1,
            Ok(_) => panic!("nobody has this phone"),
        }
    }
    assert!((3_590..=3_600).contains(&longest), "{longest} s");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_address_or_a_device_that_is_often_wrong_waits_and_nobody_else(pool: PgPool) {
    let auth = auth(&pool);
    registered_with_password(&auth).await;
    let other = |n: u32| Phone::parse(&format!("07220000{n:02}")).expect("valid");
    for n in 0..8 {
        let error = auth.login(other(n), secret("a guess"), &from("203.0.113.5"), s(1)).await.expect_err("wrong");
        assert_eq!(error.code(), "wrong_credentials");
    }
    let waits = auth.login(other(9), secret("a guess"), &from("203.0.113.5"), s(2)).await.expect_err("one too many");
    assert_eq!(waits.code(), "rate_limited");
    auth.login(phone(), secret("the password"), &from("203.0.113.6"), s(3)).await.expect("a neighbour");
    let phone_of = |id: &str| Device { id: Some(id.to_owned()), ..device() };
    for n in 10..14 {
        let error = auth.verify(other(n), "000000", &phone_of("a"), s(1)).await.expect_err("wrong");
        assert_eq!(error.code(), "wrong_code");
    }
    let waits = auth.verify(other(15), "000000", &phone_of("a"), s(2)).await.expect_err("one too many");
    assert_eq!(waits.code(), "rate_limited");
    assert_eq!(auth.verify(other(15), "000000", &phone_of("b"), s(2)).await.expect_err("wrong").code(), "wrong_code");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_address_makes_us_send_only_so_many_messages(pool: PgPool) {
    let auth = auth(&pool);
    let other = |n: u32| Phone::parse(&format!("07220000{n:02}")).expect("valid");
    for n in 0..6 {
        auth.request_code(other(n), &from("203.0.113.5"), s(1)).await.expect("a code, as far as is told");
    }
    let full = auth.request_code(other(7), &from("203.0.113.5"), s(2)).await.expect_err("too many");
    assert_eq!(full.code(), "rate_limited");
    let full = auth.request_password_reset(other(7), &from("203.0.113.5"), s(2)).await.expect_err("too many");
    assert_eq!(full.code(), "rate_limited");
    auth.request_code(other(7), &from("203.0.113.6"), s(2)).await.expect("another address");
    auth.request_code(other(8), &from("127.0.0.1"), s(2)).await.expect("this machine is not counted");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_session_that_only_refreshes_is_slowed_down(pool: PgPool) {
    let auth = auth(&pool);
    let mut tokens = signed_in(&auth).await;
    for n in 0..10 {
        tokens = auth.refresh(&tokens.refresh, s(n)).await.expect("within the limit");
    }
    let waits = auth.refresh(&tokens.refresh, s(11)).await.expect_err("one too many");
    assert_eq!(waits.code(), "rate_limited");
    auth.refresh(&tokens.refresh, s(40)).await.expect("the token was not used up by being refused");
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_counted_names_nobody_and_is_swept(pool: PgPool) {
    let auth = auth(&pool);
    let device = Device { id: Some("a device".into()), ..from("203.0.113.5") };
    auth.login(phone(), secret("a guess"), &device, s(1)).await.expect_err("wrong");
    let stored: String =
        sqlx::query_scalar("SELECT string_agg(t::text, '') FROM throttles t").fetch_one(&pool).await.expect("read");
    assert!(!stored.contains("788123456") && !stored.contains("203.0") && !stored.contains("a device"), "{stored}");
    assert_eq!(auth.sweep(100, s(2)).await.expect("swept").throttles, 0);
    assert_eq!(auth.sweep(100, s(100_000)).await.expect("swept").throttles, 3);
}
