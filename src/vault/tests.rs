//! Sealing and opening, keys that come and go, and databases that meet the wrong keys.

use uuid::Uuid;

use super::*;

fn vault(ids: &[u32]) -> Vault {
    Vault::new(KeyRing::for_tests(ids))
}

const PLACE: Place = Place::new("users.phone", Uuid::from_u128(7));

#[test]
fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
    let vault = vault(&[1]);
    let sealed = vault.seal_text(PLACE, "+250788123456").expect("sealed");
    assert_eq!(vault.open_text(PLACE, &sealed).expect("opened").expose(), "+250788123456");
    assert!(!sealed.windows(4).any(|piece| piece == b"2507"), "nothing of it shows");
    for other in [Place { column: "users.email", ..PLACE }, Place { row: Uuid::from_u128(8), ..PLACE }] {
        assert_eq!(vault.open(other, &sealed).expect_err("moved"), OpenError::Refused);
    }
}

#[test]
fn every_changed_or_missing_byte_is_found() {
    let vault = vault(&[1]);
    let sealed = vault.seal(PLACE, b"secret").expect("sealed");
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(vault.open(PLACE, &changed).is_err(), "byte {index}");
        assert!(vault.open(PLACE, &sealed[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn an_older_key_still_opens_and_is_known_to_be_old() {
    let sealed = vault(&[1]).seal(PLACE, b"secret").expect("sealed");
    let rotated = vault(&[1, 2]);
    assert_eq!(rotated.open(PLACE, &sealed).expect("opened").expose(), b"secret");
    assert!(rotated.is_stale(&sealed));
    let anew = rotated.seal(PLACE, b"secret").expect("sealed");
    assert!(!rotated.is_stale(&anew));
    assert_eq!(vault(&[1]).open(PLACE, &anew).expect_err("a key of the future"), OpenError::UnknownKey(2));
}

#[test]
fn equal_values_have_equal_indexes_within_a_kind() {
    let vault = vault(&[1, 2]);
    assert_eq!(vault.index("phone", "+250788123456"), vault.index("phone", "+250788123456"));
    assert_ne!(vault.index("phone", "+250788123456"), vault.index("phone", "+250788123457"));
    assert_ne!(vault.index("phone", "1"), vault.index("plate", "1"));
}

mod at_home {
    //! With files and a database.

    use sqlx::PgPool;

    use super::*;
    use crate::time::{Span, Timestamp};
    use crate::vault::rotation::{check, list, prepare, reseal, rotate};

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const GRACE: Span = Span::from_secs(60);
    /// As `auth` tells of its table.
    const PHONES: Column = Column {
        place: "users.phone",
        table: "users",
        column: "phone_sealed",
        key: "id",
        row: "id",
        index: Some(("phone_index", "phone")),
    };

    fn s(seconds: i64) -> Timestamp {
        T0 + Span::from_secs(seconds)
    }

    async fn insert(pool: &PgPool, vault: &Vault, people: u32) {
        for number in 0..people {
            let (id, phone) = (Uuid::now_v7(), format!("+25078{number:07}"));
            let sealed = vault.seal_text(Place::new("users.phone", id), &phone).expect("sealed");
            sqlx::query(
                "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, created_at, updated_at)
                 VALUES ($1, $2, $3, 'Keza', 'Uwase', 'rw', 'customer', now(), now())",
            )
            .bind(id)
            .bind(sealed)
            .bind(vault.index("phone", &phone))
            .execute(pool)
            .await
            .expect("inserted");
        }
    }

    fn remove(dir: &std::path::Path, name: &str) {
        std::fs::remove_file(dir.join(name)).expect("removed");
    }

    async fn refusal(dir: &std::path::Path, pool: &PgPool) -> String {
        let refused = Vault::unlock(dir.to_owned(), pool, s(1)).await;
        refused.err().expect("a server without its keys does not start").to_string()
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn a_server_whose_keys_are_not_its_databases_does_not_start_and_makes_none(pool: PgPool) {
        let (home, strange) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let first = Vault::unlock(home.path().to_owned(), &pool, T0).await.expect("fresh keys for a fresh database");
        let second = Vault::unlock(home.path().to_owned(), &pool, s(1)).await.expect("the same keys again");
        let sealed = first.seal(PLACE, b"secret").expect("sealed");
        assert_eq!(second.open(PLACE, &sealed).expect("opened").expose(), b"secret");

        let elsewhere = refusal(strange.path(), &pool).await;
        assert!(elsewhere.contains("index.key is missing, and this database holds values"), "{elsewhere}");
        assert_eq!(std::fs::read_dir(strange.path()).expect("listed").count(), 0, "nothing is made in its place");
        KeyRing::load_or_create(strange.path()).expect("others");
        let others = refusal(strange.path(), &pool).await;
        assert!(others.contains("index.key is not the key"), "{others}");
        std::fs::copy(home.path().join("index.key"), strange.path().join("index.key")).expect("copied");
        let other = refusal(strange.path(), &pool).await;
        assert!(other.contains("vault-0001.key is not the key"), "{other}");
        remove(home.path(), "index.key");
        let lost = refusal(home.path(), &pool).await;
        assert!(lost.contains("index.key is missing") && lost.contains("vault.keys_dir"), "{lost}");
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn two_servers_that_start_together_with_keys_of_their_own_are_not_both_let_in(pool: PgPool) {
        let (one, other) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let (one, other) = tokio::join!(
            Vault::unlock(one.path().to_owned(), &pool, T0),
            Vault::unlock(other.path().to_owned(), &pool, T0)
        );
        assert!(one.is_ok() != other.is_ok(), "exactly one");
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn a_key_comes_into_use_when_all_have_it_and_what_older_ones_sealed_is_sealed_anew(pool: PgPool) {
        let home = tempfile::tempdir().expect("made");
        let dir = home.path();
        let one = Vault::unlock(dir.to_owned(), &pool, T0).await.expect("unlocked");
        let other = Vault::unlock(dir.to_owned(), &pool, T0).await.expect("unlocked");
        insert(&pool, &one, 5).await;
        assert_eq!(prepare(dir, &pool).await.expect("made"), 2);
        assert_eq!(prepare(dir, &pool).await.expect("there"), 2, "once");
        assert_eq!(rotate(dir, &pool, s(10), GRACE).await.expect("introduced"), (2, s(70)));

        one.refresh(&pool, s(69)).await.expect("read");
        assert!(!one.is_stale(&one.seal(PLACE, b"x").expect("sealed")), "still the old key");
        let early = reseal(&one, &pool, &[&PHONES], |_, _| {}).await.expect_err("the new key does not seal yet");
        assert_eq!(early.code(), "not_sealing_yet");
        one.refresh(&pool, s(70)).await.expect("read");
        let anew = one.seal(PLACE, b"anew").expect("sealed");
        assert!(other.is_stale(&anew), "the other server has not looked yet");
        assert_eq!(other.open(PLACE, &anew).expect("and yet reads it").expose(), b"anew");

        let mut told = Vec::new();
        let done = reseal(&one, &pool, &[&PHONES], |column, count| told.push((column, count))).await.expect("resealed");
        assert_eq!((done.done, done.broken_count, told), (5, 0, vec![("users.phone", 5)]));
        assert_eq!(reseal(&one, &pool, &[&PHONES], |_, _| {}).await.expect("again").done, 0);
        let states = list(dir, &pool, &[&PHONES], s(71)).await.expect("listed");
        let states: Vec<_> = states.iter().map(|key| (key.id, key.is_sealing, key.sealed.clone())).collect();
        assert_eq!(states, [(1, false, vec![]), (2, true, vec![("users.phone", 5)])]);
        assert_eq!(check(&one, &pool, &[&PHONES], None).await.expect("checked").done, 5);
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn what_does_not_open_or_is_not_found_is_told_by_column_and_row(pool: PgPool) {
        let home = tempfile::tempdir().expect("made");
        let vault = Vault::unlock(home.path().to_owned(), &pool, T0).await.expect("unlocked");
        insert(&pool, &vault, 3).await;
        let swap = "UPDATE users SET phone_sealed = (SELECT phone_sealed FROM users ORDER BY id LIMIT 1)
                    WHERE id = (SELECT id FROM users ORDER BY id OFFSET 1 LIMIT 1)";
        sqlx::query(swap).execute(&pool).await.expect("moved");
        let lose =
            "UPDATE users SET phone_index = '\\x00' WHERE id = (SELECT id FROM users ORDER BY id OFFSET 2 LIMIT 1)";
        sqlx::query(lose).execute(&pool).await.expect("lost");
        for sample in [None, Some(10)] {
            let found = check(&vault, &pool, &[&PHONES], sample).await.expect("checked");
            assert_eq!((found.done, found.broken_count), (3, 2));
            let mut reasons: Vec<_> = found.broken.iter().map(|(_, _, reason)| reason.as_str()).collect();
            reasons.sort_unstable();
            assert!(reasons[0].starts_with("a sealed value is damaged") && reasons[1].starts_with("is not found"));
        }
    }
}
