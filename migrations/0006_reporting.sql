-- What services publish for reports. Analytics and government read these views and nothing else.

CREATE SCHEMA reporting;

CREATE VIEW reporting.rides AS
SELECT id, rider_id, driver_id, status, ride_type, payment_method, fare_rwf, estimated_distance_m, estimated_duration_s,
       cancelled_by, cancel_reason, requested_at, assigned_at, arrived_at, started_at, ended_at,
       (requested_at AT TIME ZONE 'Africa/Kigali')::date AS kigali_day,
       extract(hour FROM requested_at AT TIME ZONE 'Africa/Kigali')::int AS kigali_hour
FROM rides;

CREATE VIEW reporting.drivers AS
SELECT d.user_id AS driver_id, u.first_name, d.status, d.plate, d.licence_number, d.licence_category, d.licence_expires_on,
       d.insurance_expires_on, d.inspection_expires_on, d.fuel, d.rating_sum, d.rating_count, d.rides_completed, d.created_at
FROM drivers d JOIN users u ON u.id = d.user_id;

CREATE VIEW reporting.commission AS
SELECT t.ride_id, t.at, -e.amount_rwf AS commission_rwf
FROM ledger_entries e
JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'commission_income'
JOIN ledger_transactions t ON t.id = e.transaction_id;
