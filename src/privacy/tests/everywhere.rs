//! Nothing personal is left anywhere: a person with marks in every text is forgotten, and every column of every table is
//! searched for the marks.
//!
//! A column of text, JSON or bytes that is neither marked here nor on the list of those that hold nothing of people fails
//! the test: whoever adds one says which it is.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::*;
use crate::locations::history::segment::{Draft, Minute, Point};
use crate::storage::Stored;
use crate::vault::Place;

/// In every text of the person.
const MARK: &str = "MARK7F3A";
/// The digits of the person's telephone.
const DIGITS: &str = "788765432";

/// Columns that can hold no words and no number of a person, and why. Reviewed: a line is added with its reason.
const IMPERSONAL: &[(&str, &str)] = &[
    ("_sqlx_migrations.*", "the schema's own"),
    ("audit_head.*", "a hash"),
    ("audit_records.*", "evidence, art. 38 and 52: ids, codes, and reasons of admins, who are told to name nobody"),
    ("vault_keys.*", "numbers of keys, and a value of the server's own that each has sealed"),
    ("breaches.*", "duty to report, art. 43 to 45: the platform's own failures, in words that are to name nobody"),
    ("agent_actions.action", "a word of a list"),
    ("agent_actions.detail", "the code of a refusal"),
    ("agent_actions.request_id", "random"),
    ("consent_texts.*", "the platform's words"),
    ("consents.*", "words of lists, a hash of the platform's words"),
    ("driver_appeals.outcome", "a word of a list"),
    ("driver_documents.number", "empty since numbers are sealed"),
    ("driver_documents.number_sealed", "encrypted; the row is gone with the person"),
    ("driver_documents.number_type", "a word of a list"),
    ("driver_documents.reason_code", "a word of a list"),
    ("driver_documents.state", "a word of a list"),
    ("driver_documents.verification", "a word of a list"),
    ("driver_expiry_notices.kind", "a word of a list"),
    ("driver_files.content_type", "a type of a list"),
    ("driver_files.key_sealed", "a key; taken, and the file with it"),
    ("driver_files.state", "a word of a list"),
    ("driver_standing.cause", "a word of a list"),
    ("driver_standing.from_status", "a word of a list"),
    ("driver_standing.to_status", "a word of a list"),
    ("drivers.city", "a word of a list"),
    ("drivers.insurance_number", "empty since numbers are sealed"),
    ("drivers.insurance_number_sealed", "encrypted; taken as well"),
    ("drivers.licence_number", "empty since numbers are sealed"),
    ("drivers.licence_number_index", "a keyed hash; taken as well"),
    ("drivers.licence_number_sealed", "encrypted; taken as well"),
    ("drivers.national_id_index", "a keyed hash; taken as well"),
    ("drivers.suspended_for", "a word of a list"),
    ("drivers.fuel", "a word of a list"),
    ("drivers.ride_types", "words of a list"),
    ("drivers.status", "a word of a list"),
    ("driver_documents.kind", "a word of a list"),
    ("driver_wishes.ride_types", "words of a list"),
    ("erasures.kept", "the platform's words"),
    ("erasures.obstacle", "a code"),
    ("erasures.state", "a word of a list"),
    ("geofence_changes.*", "zones, drawn by admins: who drew them is an id"),
    ("geofence_events.kind", "a word of a list"),
    ("geofences.*", "zones, drawn by admins: who drew them is an id"),
    ("held_position_segments.points", "positions; searched by row below"),
    ("incidents.kind", "a word of a list"),
    ("incidents.severity", "a word of a list"),
    ("incidents.state", "a word of a list"),
    ("jobs.dedupe_key", "names causes by id"),
    ("jobs.kind", "a word of a list"),
    ("jobs.last_error", "codes"),
    ("jobs.leased_by", "a worker's name"),
    ("jobs.request_id", "random"),
    ("jobs.state", "a word of a list"),
    ("learned_speeds.subject", "a word of a list"),
    ("ledger_accounts.kind", "a word of a list"),
    ("money_cases.*", "codes, ids and amounts, and reasons of admins, who are told to name nobody"),
    ("provider_statement_lines.*", "names of transactions at providers, amounts; no number of a wallet is kept"),
    ("reconciliations.*", "words of lists, counts and amounts"),
    ("ledger_transactions.cause", "names causes by id"),
    ("ledger_transactions.memo", "the platform's words"),
    (
        "legal_holds.*",
        "a hold keeps a person from being forgotten; it is lifted first, and its reason names the court's case",
    ),
    ("notifications.channel", "a word of a list"),
    ("notifications.failure", "codes of the gateway"),
    ("notifications.key", "a word of a list"),
    ("notifications.provider", "a word of a list"),
    ("notifications.provider_message_id", "the gateway's number of a message; the row is gone with the person"),
    ("notifications.status", "a word of a list"),
    ("payment_attempts.wallet_sealed", "encrypted; taken as well"),
    ("payment_attempts.wallet_index", "a keyed hash; taken as well"),
    ("payment_attempts.callback_token", "random"),
    ("payment_attempts.*", "records of money, ten years: ids, amounts, words of lists, codes and names at providers"),
    ("payment_captures.*", "records of money, ten years: ids, amounts, words of lists"),
    ("payment_intents.*", "records of money, ten years: ids, amounts, words of lists"),
    ("offers.outcome", "a word of a list"),
    ("offers.reason", "a word of a list"),
    ("partners.*", "programs of companies; who made them is an id"),
    ("adjustments.account", "a word of a list"),
    ("adjustments.state", "a word of a list"),
    ("payment_methods.provider", "a word of a list"),
    ("payment_methods.wallet_index", "a keyed hash; gone with the person"),
    ("payment_methods.wallet_sealed", "encrypted; gone with the person"),
    ("payout_wallets.*", "a number, encrypted, and its keyed hash; words of lists; the row is gone with the person"),
    ("payouts.failure", "a word of a list"),
    ("payouts.kind", "a word of a list"),
    ("payouts.provider", "a word of a list"),
    ("payouts.state", "a word of a list"),
    ("payouts.wallet_index", "a keyed hash: ten years, by law, whom was paid"),
    ("refunds.bearer", "a word of a list"),
    ("refunds.destination", "a word of a list"),
    ("refunds.failure", "a word of a list"),
    ("refunds.state", "a word of a list"),
    ("personal_exports.sealed_key", "a key; gone with the file"),
    ("personal_exports.state", "a word of a list"),
    ("position_segments.points", "positions; searched by row below"),
    ("promotion_uses.state", "a word of a list"),
    ("promotions.*", "made by admins: who made them is an id"),
    ("rides.payment_plan", "ids, and a yes or no"),
    ("quotes.ride_type", "a word of a list"),
    ("quotes.tariff", "the platform's words"),
    ("ratings.by_role", "a word of a list"),
    ("phone_proofs.*", "a telephone, encrypted, and its keyed hash; the row is gone with the person"),
    ("recovery_codes.hash", "a keyed hash; gone with the person"),
    ("referral_codes.code", "random; the row is gone with the person"),
    ("referrals.state", "a word of a list"),
    ("refresh_tokens.hash", "a hash of a random token; gone with the session"),
    ("ride_decisions.considered", "ids and times of drivers"),
    ("ride_decisions.means", "a word of a list"),
    ("ride_decisions.trigger", "a word of a list"),
    ("ride_events.actor", "a word of a list"),
    ("ride_events.data", "ids, words of lists, times; see rides::store::commit::describe"),
    ("ride_events.kind", "a word of a list"),
    ("ride_relations.*", "words of lists"),
    ("rides.contacts_sealed", "encrypted; taken as well"),
    ("rides.cancel_reason", "a word of a list"),
    ("rides.cancellation_cause", "a word of a list"),
    ("rides.cancelled_by", "a word of a list"),
    ("fare_disputes.reason", "a word of a list"),
    ("fare_proofs.*", "distances, times and prices; no place"),
    ("price_versions.*", "the platform's prices: who decided them is an id"),
    ("quotes.price_basis", "a time and the platform's words"),
    ("rides.price_basis", "a time and the platform's words"),
    ("rides.payment_method", "a word of a list"),
    ("rides.pin", "four random digits"),
    ("rides.request_hash", "a hash of the booking; taken as well"),
    ("rides.ride_type", "a word of a list"),
    ("rides.status", "a word of a list"),
    ("rides.tariff", "the platform's words"),
    ("road_closures.*", "streets, drawn by admins: who drew them is an id"),
    ("second_factors.*", "secrets, encrypted; gone with the person"),
    ("sessions.revoked_reason", "the platform's words"),
    ("throttles.*", "keyed hashes, forgotten within the hour"),
    ("users.agency", "a word of a list"),
    ("users.gender", "a word of a list; taken as well"),
    ("users.language", "a word of a list"),
    ("users.national_id_index", "a keyed hash; taken as well"),
    ("users.national_id_sealed", "encrypted; taken as well"),
    ("users.national_id_type", "a word of a list; taken as well"),
    ("users.phone", "empty since phones are sealed"),
    ("users.phone_index", "a keyed hash; taken as well"),
    ("users.phone_sealed", "encrypted; taken as well"),
    ("users.role", "a word of a list"),
];

/// The person, and somebody who met them.
struct Marked {
    person: UserId,
    other: UserId,
    file: Stored,
}

/// Every row that a person can leave behind, with marks wherever they can write.
async fn marked(pool: &PgPool, privacy: &Privacy) -> Marked {
    let (person, other) = (fixture::driver(pool, 1_234).await, fixture::rider(pool, 2).await);
    let (person, other): (UserId, UserId) = (person.into(), other.into());
    account(pool, person).await;
    let admin = fixture::person(pool, 3, "admin").await;
    rides(pool, person, other).await;
    told(pool, person, other).await;
    whereabouts(pool, person, admin).await;
    let file = requests(pool, privacy, person, admin).await;
    Marked { person, other, file }
}

async fn account(pool: &PgPool, person: UserId) {
    for sql in [
        "UPDATE users SET first_name = 'MARK7F3A', last_name = 'MARK7F3A',
             email = 'MARK7F3A@example.rw', password_hash = 'MARK7F3A', date_of_birth = '1990-01-01', gender = 'female',
             province = 'MARK7F3A', district = 'MARK7F3A', sector = 'MARK7F3A', cell = 'MARK7F3A', village = 'MARK7F3A'
         WHERE id = $1",
        "UPDATE drivers SET status_reason = 'MARK7F3A', licence_category = 'MARK7F3A',
             plate = 'MARK7F3A', vehicle_make = 'MARK7F3A', vehicle_model = 'MARK7F3A', vehicle_colour = 'MARK7F3A' WHERE user_id = $1",
        "INSERT INTO driver_documents (id, driver_id, kind, note, issuer, reason, created_at)
         VALUES (gen_random_uuid(), $1, 'licence', 'MARK7F3A', 'MARK7F3A', 'MARK7F3A', now())",
        "INSERT INTO driver_standing (id, driver_id, to_status, cause, reason, at)
         VALUES (gen_random_uuid(), $1, 'suspended', 'decision', 'MARK7F3A', now())",
        "INSERT INTO driver_appeals (id, driver_id, words, outcome, reason, decided_at, created_at)
         VALUES (gen_random_uuid(), $1, 'MARK7F3A', 'refused', 'MARK7F3A', now(), now())",
        "INSERT INTO driver_expiry_notices (driver_id, kind, expires_on, days, sent_at)
         VALUES ($1, 'licence', '2026-01-01', 7, now())",
        "INSERT INTO driver_files (id, driver_id, key_sealed, content_type, size_bytes, state, created_at)
         VALUES (gen_random_uuid(), $1, '\\x01', 'image/png', 1, 'kept', now())",
        "INSERT INTO driver_wishes (driver_id, home_lat, home_lng, home_label, home_until, changed_at)
         VALUES ($1, -1.9, 30.1, 'MARK7F3A', now(), now())",
        "INSERT INTO driver_home_uses (driver_id, day, uses) VALUES ($1, '2026-01-01', 1)",
        "INSERT INTO shifts (id, driver_id, started_at, ended_at) VALUES (gen_random_uuid(), $1, now(), now())",
        "INSERT INTO sign_in_codes (id, user_id, created_at, expires_at, last_sent_at)
         VALUES (gen_random_uuid(), $1, now(), now(), now())",
        "INSERT INTO sessions (id, user_id, device_name, user_agent, ip, created_at, last_used_at, expires_at)
         VALUES (gen_random_uuid(), $1, 'MARK7F3A', 'MARK7F3A', 'MARK7F3A', now(), now(), now())",
        "INSERT INTO phone_proofs (id, purpose, user_id, phone, phone_index, is_real, created_at, expires_at, last_sent_at)
         VALUES (gen_random_uuid(), 'password_reset', $1, '\\x01', '\\x01', true, now(), now(), now())",
        "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, '\\x01')",
        "INSERT INTO second_factors (user_id, pending_secret, pending_until) VALUES ($1, '\\x01', now())",
        "INSERT INTO refresh_tokens (hash, session_id, created_at)
         SELECT '\\x01', id, now() FROM sessions WHERE user_id = $1",
    ] {
        execute(pool, sql, &[person.0]).await;
    }
    for sql in [
        "INSERT INTO payment_methods (id, rider_id, provider, label, is_default, created_at)
         VALUES (gen_random_uuid(), $1, 'card', 'MARK7F3A', true, now())",
        "INSERT INTO payouts (id, driver_id, kind, amount_rwf, fee_rwf, tax_rwf, netted_rwf, provider, wallet_index, state, reason,
                              requested_at, finished_at)
         VALUES (gen_random_uuid(), $1, 'instant', 1, 0, 0, 0, 'mtn', '\\x01', 'rejected', 'MARK7F3A', now(), now())",
        "INSERT INTO adjustments (id, account, person_id, amount_rwf, reason, state, proposed_by, proposed_at, decision)
         VALUES (gen_random_uuid(), 'rider_credit', $1, 1, 'MARK7F3A', 'rejected', $1, now(), 'MARK7F3A')",
    ] {
        execute(pool, sql, &[person.0]).await;
    }
    let sql = "INSERT INTO payout_wallets (driver_id, provider, wallet_sealed, wallet_index, changed_at, held_until, created_at)
               VALUES ($1, 'mtn', $2, '\\x01', now(), now(), now())";
    let wallet = sealed(("payout_wallets.wallet", person.0), "+250788765432");
    sqlx::query(sql).bind(person.0).bind(wallet).execute(pool).await.expect("a wallet");
    let national_id = sealed(("users.national_id", person.0), "1199070012345678");
    let sql =
        "UPDATE users SET national_id_type = 'nid16', national_id_sealed = $2, national_id_index = $2 WHERE id = $1";
    sqlx::query(sql).bind(person.0).bind(national_id).execute(pool).await.expect("a card");
}

/// As the service that owns the column would seal it.
fn sealed((column, row): (&'static str, Uuid), text: &str) -> Vec<u8> {
    Vault::for_tests().seal_text(Place::new(column, row), text).expect("sealed")
}

/// A ride as rider with everything in it, one as driver, and what was said of both.
async fn rides(pool: &PgPool, person: UserId, other: UserId) {
    let ridden = fixture::Ride::completed(person.into(), person.into(), NOW, 1_000).insert(pool).await;
    let driven = fixture::Ride::completed(other.into(), person.into(), NOW, 1_000).insert(pool).await;
    execute(
        pool,
        r#"INSERT INTO quotes (id, rider_id, pickup_lat, pickup_lng, destination_lat, destination_lng, ride_type, distance_m,
               duration_s, surge_basis_points, tariff, fare_rwf, created_at, expires_at, stops)
           SELECT id, $1, -1.94381, 30.05691, -1.9, 30.1, 'boda', 1, 1, 10000, 't', 1, now(), now(),
                  '[{"address": "MARK7F3A"}]' FROM unnest(ARRAY[$2, gen_random_uuid()]) AS id"#,
        &[person.0, ridden.0],
    )
    .await;
    execute(
        pool,
        r#"UPDATE rides SET pickup_address = 'MARK7F3A', pickup_landmark = 'MARK7F3A', destination_address = 'MARK7F3A',
               destination_landmark = 'MARK7F3A', notes = 'MARK7F3A', cancel_note = 'MARK7F3A', quote_id = id,
               stops = '[{"lat": -1.9, "lng": 30.1, "note": "MARK7F3A"}]', ride_type = 'delivery',
               parcel = '{"size": "small", "description": "MARK7F3A", "handover_pin": "1234"}'
           WHERE id = $1"#,
        &[ridden.0],
    )
    .await;
    let contacts = r#"{"sender": {"name": "MARK7F3A", "phone": "+250788765432"}, "receiver": null, "stops": [null]}"#;
    let sql = "UPDATE rides SET has_contacts = true, contacts_sealed = $2 WHERE id = $1";
    let contacts = sealed(("rides.contacts", ridden.0), contacts);
    sqlx::query(sql).bind(ridden.0).bind(contacts).execute(pool).await.expect("contacts");
    execute(
        pool,
        "UPDATE rides SET cancelled_by = 'driver', cancel_reason = 'other', cancel_note = 'MARK7F3A' WHERE id = $1",
        &[driven.0],
    )
    .await;
    execute(
        pool,
        "WITH intent AS (
             INSERT INTO payment_intents (id, purpose, ride_id, payer_id, amount_rwf, driver_rwf, platform_rwf, tax_rwf, state,
                                          method, created_at, updated_at)
             VALUES (gen_random_uuid(), 'tip', $2, $1, 5, 5, 0, 0, 'cancelled', 'card', now(), now()) RETURNING id
         ), attempt AS (
             INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, state, base_url,
                                           callback_token, created_at)
             SELECT gen_random_uuid(), 'collection', 'card', id, $1, 5, 'failed', '', 'marked', now() FROM intent RETURNING id
         )
         INSERT INTO refunds (id, collection_id, intent_id, ride_id, rider_id, amount_rwf, destination, bearer, reason, state,
                              proposed_by, proposed_at, decision)
         SELECT gen_random_uuid(), attempt.id, intent.id, $2, $1, 5, 'credit', 'platform', 'MARK7F3A', 'rejected', $1, now(),
                'MARK7F3A' FROM intent, attempt",
        &[person.0, ridden.0],
    )
    .await;
    execute(
        pool,
        "INSERT INTO ratings (ride_id, by_role, by_id, about_id, stars, comment, created_at)
         VALUES ($1, 'driver', $2, $3, 5, 'MARK7F3A', now()), ($1, 'customer', $3, $2, 5, 'MARK7F3A', now())",
        &[driven.0, person.0, other.0],
    )
    .await;
    execute(
        pool,
        "INSERT INTO fare_disputes (ride_id, id, rider_id, reason, comment, charged_rwf, opened_at)
         VALUES ($2, gen_random_uuid(), $1, 'other', 'MARK7F3A', 1000, now())",
        &[person.0, ridden.0],
    )
    .await;
    execute(
        pool,
        "INSERT INTO ride_relations (rider_id, driver_id, by_role, kind, created_at)
         VALUES ($2, $1, 'customer', 'favourite', now())",
        &[person.0, other.0],
    )
    .await;
    execute(
        pool,
        "INSERT INTO incidents (id, reporter_id, ride_id, kind, severity, state, description, lat, lng, created_at, updated_at)
         VALUES (gen_random_uuid(), $1, $2, 'other', 'low', 'reported', 'MARK7F3A', -1.9, 30.1, now(), now())",
        &[person.0, ridden.0],
    )
    .await;
}

/// What the person was told and is still to be told, and where others were told of them.
async fn told(pool: &PgPool, person: UserId, other: UserId) {
    execute(
        pool,
        "INSERT INTO notifications (id, user_id, channel, key, text, status, created_at)
         SELECT gen_random_uuid(), who, channel, 'k', 'MARK7F3A is coming', 'sent', now()
         FROM unnest(ARRAY[$1, $2]) AS who, unnest(ARRAY['sms', 'in_app']) AS channel",
        &[person.0, other.0],
    )
    .await;
    execute(
        pool,
        "INSERT INTO jobs (id, kind, payload, state, run_at, attempts_max, created_at)
         SELECT gen_random_uuid(), kind, jsonb_build_object('user', who, 'params', jsonb_build_object('plate', 'MARK7F3A')),
                state, now(), 1, now()
         FROM unnest(ARRAY[$1, $2]) AS who, unnest(ARRAY['ready', 'dead']) AS state,
              unnest(ARRAY['notifications.send_sms', 'notifications.post_notice']) AS kind",
        &[person.0, other.0],
    )
    .await;
}

async fn whereabouts(pool: &PgPool, person: UserId, admin: UserId) {
    let minute = Minute::of(NOW);
    let (from, to) = (minute.0 - 1_440 * 20, minute.0 + 1_440);
    let partition =
        format!("CREATE TABLE position_segments_all PARTITION OF position_segments FOR VALUES FROM ({from}) TO ({to})");
    sqlx::query(AssertSqlSafe(partition)).execute(pool).await.expect("a partition");
    let draft = Draft::new(Point::new(NOW, crate::geo::LatLng::new(-1.94, 30.05).expect("on the globe")));
    for (table, age) in [("position_segments", 0), ("position_segments", 1_440 * 15), ("held_position_segments", 0)] {
        sqlx::query(AssertSqlSafe(format!("INSERT INTO {table} (driver_id, minute, points) VALUES ($1, $2, $3)")))
            .bind(person.0)
            .bind(minute.0 - age)
            .bind(draft.packed().to_vec())
            .execute(pool)
            .await
            .expect("a minute");
    }
    let zone = Uuid::now_v7();
    execute(
        pool,
        "INSERT INTO geofences (id, name, kind, outline, data, version, created_at, changed_at, changed_by)
         VALUES ($1, 'z', 'stage', '[]', '{}', 1, now(), now(), $2)",
        &[zone, admin.0],
    )
    .await;
    for sql in [
        "INSERT INTO geofence_events (id, geofence_id, driver_id, kind, at) VALUES (gen_random_uuid(), $2, $1, 'enter', now())",
        "INSERT INTO stage_places (driver_id, stage_id, place, joined_at, declines) VALUES ($1, $2, 0, now(), 0)",
        "INSERT INTO stage_overrides (id, stage_id, driver_id, from_place, reason, by_user, at)
         SELECT gen_random_uuid(), $2, $1, 0, 'MARK7F3A', changed_by, now() FROM geofences WHERE id = $2",
    ] {
        execute(pool, sql, &[person.0, zone]).await;
    }
}

/// What the person asked for before, in admins' words, with a file that was made.
async fn requests(pool: &PgPool, privacy: &Privacy, person: UserId, admin: UserId) -> Stored {
    privacy.restrict_for(admin, person, "MARK7F3A", NOW).await.expect("restricted");
    privacy.lift_restriction(person, admin, NOW).await.expect("lifted");
    privacy.ask_for_erasure_of(admin, person, "MARK7F3A", NOW).await.expect("asked");
    privacy.cancel_erasure_of(admin, person, NOW).await.expect("called off");
    let export = privacy.ask_for_export(person, Asker::Admin(admin, "MARK7F3A"), NOW).await.expect("asked");
    privacy.make_export(export.id, NOW).await.expect("made");
    let sealed_key: Vec<u8> = sqlx::query_scalar("SELECT sealed_key FROM personal_exports WHERE id = $1")
        .bind(export.id)
        .fetch_one(pool)
        .await
        .expect("a key");
    let file = Stored { id: export.id, sealed_key };
    privacy.inner.storage.get(&file).await.expect("the file is there");
    file
}

/// `table.column` of every column that can hold words or bytes.
async fn wordy(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c
         JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
           AND c.table_name NOT LIKE 'position\\_segments\\_%'
           AND (data_type IN ('text', 'jsonb', 'json', 'bytea', 'character varying')
                OR (data_type = 'ARRAY' AND udt_name = '_text'))
         ORDER BY 1, 2",
    )
    .fetch_all(pool)
    .await
    .expect("columns")
}

/// Where a mark stands.
async fn found(pool: &PgPool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (table, column) in wordy(pool).await {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE position('{MARK}' IN {column}::text) > 0
               OR position('{DIGITS}' IN {column}::text) > 0
               OR position(encode('{MARK}', 'hex') IN {column}::text) > 0"
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await.expect("searched");
        if rows > 0 {
            found.insert(format!("{table}.{column}"));
        }
    }
    found
}

fn is_impersonal(table: &str, column: &str) -> bool {
    let names = [format!("{table}.{column}"), format!("{table}.*")];
    IMPERSONAL.iter().any(|(name, reason)| !reason.is_empty() && names.iter().any(|known| known == name))
}

#[sqlx::test(migrations = "./migrations")]
async fn nothing_of_a_person_is_left_in_any_table_or_file(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let Marked { person, other, file } = marked(&pool, &privacy).await;
    let before = found(&pool).await;
    let unknown: Vec<_> = wordy(&pool)
        .await
        .into_iter()
        .filter(|(table, column)| !is_impersonal(table, column) && !before.contains(&format!("{table}.{column}")))
        .collect();
    assert!(unknown.is_empty(), "neither marked nor known to hold nothing of people: {unknown:?}");

    // They are remembered, as in a running server.
    privacy.inner.auth.people(&[person]).await.expect("read");
    privacy.inner.drivers.cards(&[person.into()]).await.expect("read");
    forget(&privacy, person).await;

    assert_eq!(found(&pool).await, BTreeSet::new(), "a mark is left");
    for sql in [
        "SELECT count(*) FROM position_segments WHERE driver_id = $1",
        "SELECT count(*) FROM held_position_segments WHERE driver_id = $1",
        "SELECT count(*) FROM geofence_events WHERE driver_id = $1",
        "SELECT count(*) FROM stage_places WHERE driver_id = $1",
        "SELECT count(*) FROM shifts WHERE driver_id = $1",
        "SELECT count(*) FROM sessions WHERE user_id = $1",
        "SELECT count(*) FROM sign_in_codes WHERE user_id = $1",
        "SELECT count(*) FROM phone_proofs WHERE user_id = $1",
        "SELECT count(*) FROM recovery_codes WHERE user_id = $1",
        "SELECT count(*) FROM second_factors WHERE user_id = $1",
        "SELECT count(*) FROM quotes WHERE rider_id = $1",
        "SELECT count(*) FROM ride_relations WHERE driver_id = $1 OR rider_id = $1",
        "SELECT count(*) FROM driver_wishes WHERE driver_id = $1",
        "SELECT count(*) FROM driver_expiry_notices WHERE driver_id = $1",
        "SELECT count(*) FROM driver_documents WHERE driver_id = $1",
        "SELECT count(*) FROM driver_files WHERE driver_id = $1 AND (key_sealed IS NOT NULL OR state <> 'dropped')",
        "SELECT count(*) FROM drivers WHERE user_id = $1 AND num_nonnulls(licence_number_sealed, licence_number_index,
             insurance_number_sealed, national_id_index, authorisation_expires_on) > 0",
        "SELECT count(*) FROM incidents WHERE reporter_id = $1 AND (lat IS NOT NULL OR lng IS NOT NULL)",
        "SELECT count(*) FROM rides WHERE rider_id = $1
           AND (pickup_lat <> -1.94 OR pickup_lng <> 30.06 OR destination_lat <> -1.96 OR destination_lng <> 30.12)",
        "SELECT count(*) FROM users WHERE id = $1
           AND num_nonnulls(date_of_birth, gender, phone, phone_sealed, phone_index, national_id_type,
                            national_id_sealed, national_id_index) > 0",
        "SELECT count(*) FROM rides WHERE rider_id = $1 AND (has_contacts OR contacts_sealed IS NOT NULL)",
    ] {
        assert_eq!(count(&pool, sql, person.0).await, 0, "{sql}");
    }
    assert!(privacy.inner.storage.get(&file).await.is_err(), "the file is gone");
    assert!(privacy.inner.auth.people(&[person]).await.expect("read").is_empty(), "nobody of that id is known");
    assert!(privacy.inner.drivers.cards(&[person.into()]).await.expect("read").is_empty(), "nor a driver");
    // The other one's ride, and what the books need, stay.
    let fares = count(&pool, "SELECT sum(fare_rwf)::bigint FROM rides WHERE driver_id = $1", person.0).await;
    assert_eq!(fares, 2_000);
    let exact = "SELECT count(*) FROM rides WHERE rider_id = $1 AND pickup_lat = -1.9438";
    assert_eq!(count(&pool, exact, other.0).await, 1, "a rider's places are the rider's");
}

#[sqlx::test(migrations = "./migrations")]
async fn forgetting_twice_and_anew_after_an_interruption_changes_nothing_more(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let Marked { person, .. } = marked(&pool, &privacy).await;
    let erasure = privacy.ask_for_erasure(person, NOW).await.expect("asked");
    // The process dies after the first service.
    let mut tx = pool.begin().await.expect("begun");
    store::erasures::begin(&mut tx, erasure.id).await.expect("noted");
    services::Service::Rides.erase(&mut tx, person, NOW).await.expect("erased");
    tx.commit().await.expect("committed");
    for _ in 0..2 {
        privacy.erase(erasure.id, NOW).await.expect("erased");
        privacy.erase_again(erasure.id, NOW).await.expect("looked through");
        assert_eq!(found(&pool).await, BTreeSet::new());
    }
    let again = "SELECT count(*) FROM jobs WHERE kind = 'privacy.erase_again' AND payload->>'erasure' = $1::text";
    assert_eq!(count(&pool, again, erasure.id).await, 1, "one second look");
}

#[sqlx::test(migrations = "./migrations")]
async fn the_append_only_log_of_stages_gives_way_to_an_erasure_only(pool: PgPool) {
    let privacy = privacy(&pool, config());
    marked(&pool, &privacy).await;
    for sql in [
        "UPDATE stage_overrides SET reason = 'erased'",
        "SELECT set_config('boda.erasing', 'on', false); UPDATE stage_overrides SET reason = 'better'",
        "SELECT set_config('boda.erasing', 'on', false); UPDATE stage_overrides SET reason = 'erased', from_place = 7",
        "SELECT set_config('boda.erasing', 'on', false); DELETE FROM stage_overrides",
        "TRUNCATE stage_overrides",
    ] {
        let mut conn = pool.acquire().await.expect("a connection");
        let refused = sqlx::raw_sql(sql).execute(&mut *conn).await.expect_err(sql).to_string();
        sqlx::raw_sql("RESET boda.erasing").execute(&mut *conn).await.expect("reset");
        assert!(refused.contains("append-only"), "{sql}: {refused}");
    }
}
