-- What services publish for others to read: reports (analytics, government), and who rode with whom (safety). Nothing else
-- of a service's tables is read from outside.

CREATE SCHEMA reporting;

CREATE VIEW reporting.rides AS
SELECT id, rider_id, driver_id, status, ride_type, payment_method, fare_rwf, estimated_distance_m, estimated_duration_s,
       waiting_s, cancelled_by, cancel_reason, requested_at, assigned_at, arrived_at, started_at, ended_at,
       (requested_at AT TIME ZONE 'Africa/Kigali')::date AS kigali_day,
       extract(hour FROM requested_at AT TIME ZONE 'Africa/Kigali')::int AS kigali_hour
FROM rides;

-- `driver_ref` names a driver to outsiders without being the id that our own API takes: an id has too many random bits to
-- be found by trying.
CREATE VIEW reporting.drivers AS
SELECT d.user_id AS driver_id,
       encode(substring(sha256(convert_to('driver_ref ' || d.user_id::text, 'UTF8')) FOR 16), 'hex')::uuid AS driver_ref,
       u.first_name, d.status, d.plate, d.licence_number, d.licence_category, d.licence_expires_on,
       d.insurance_expires_on, d.inspection_expires_on,
       -- Two questions instead of one join: a report that does not show them does not ask them.
       (SELECT number FROM driver_documents WHERE driver_id = d.user_id AND kind = 'authorisation'
        ORDER BY created_at DESC, id DESC LIMIT 1) AS authorisation_number,
       (SELECT expires_on FROM driver_documents WHERE driver_id = d.user_id AND kind = 'authorisation'
        ORDER BY created_at DESC, id DESC LIMIT 1) AS authorisation_expires_on,
       d.fuel, d.rating_sum, d.rating_count, d.rides_completed, d.created_at
FROM drivers d JOIN users u ON u.id = d.user_id;

CREATE VIEW reporting.commission AS
SELECT t.ride_id, t.at, -e.amount_rwf AS commission_rwf
FROM ledger_entries e
JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'commission_income'
JOIN ledger_transactions t ON t.id = e.transaction_id;

CREATE VIEW reporting.incidents AS
SELECT id, ride_id, kind, severity, state, created_at, (created_at AT TIME ZONE 'Africa/Kigali')::date AS kigali_day
FROM incidents;
