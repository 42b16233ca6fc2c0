-- Rides: quotes, rides, offers, the append-only timeline, ratings. Owner: service `rides`.

CREATE TABLE quotes (
    id            uuid        PRIMARY KEY,
    rider_id      uuid        NOT NULL REFERENCES users,
    pickup_lat    double precision NOT NULL,
    pickup_lng    double precision NOT NULL,
    destination_lat double precision NOT NULL,
    destination_lng double precision NOT NULL,
    ride_type     text        NOT NULL,
    distance_m    integer     NOT NULL,
    duration_s    integer     NOT NULL,
    surge_basis_points integer NOT NULL,
    tariff        text        NOT NULL,
    fare_rwf      bigint      NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX quotes_by_expiry ON quotes (expires_at);

CREATE TABLE rides (
    -- Derived from (rider, idempotency key) when there is a key: a retry can only ever meet the same row.
    id             uuid        PRIMARY KEY,
    rider_id       uuid        NOT NULL REFERENCES users,
    driver_id      uuid        REFERENCES drivers,
    status         text        NOT NULL CHECK (status IN ('requested', 'driver_assigned', 'driver_arrived', 'in_progress',
                       'completed', 'cancelled_by_customer', 'cancelled_by_driver', 'cancelled_by_system', 'no_driver_found')),
    ride_type      text        NOT NULL,
    payment_method text        NOT NULL,
    pickup_lat     double precision NOT NULL,
    pickup_lng     double precision NOT NULL,
    pickup_address text,
    pickup_landmark text,
    destination_lat double precision NOT NULL,
    destination_lng double precision NOT NULL,
    destination_address text,
    destination_landmark text,
    notes          text,
    -- SHA-256 of the booking's canonical body: the same idempotency key with another body is refused.
    request_hash   bytea       NOT NULL,
    quote_id       uuid        REFERENCES quotes,
    estimated_distance_m integer NOT NULL,
    estimated_duration_s integer NOT NULL,
    tariff         text        NOT NULL,
    surge_basis_points integer NOT NULL,
    -- What was promised at booking, and what was charged at the end.
    quoted_fare_rwf bigint     NOT NULL,
    fare_rwf       bigint      NOT NULL,
    waiting_s      integer     NOT NULL DEFAULT 0,
    pin            text        NOT NULL CHECK (pin ~ '^[0-9]{4}$'),
    cancelled_by   text,
    cancel_reason  text,
    cancel_note    text,
    cancellation_fee_rwf bigint NOT NULL DEFAULT 0,
    -- How many offers were made so far: the next ordinal after a restart.
    offers_made    integer     NOT NULL DEFAULT 0,
    requested_at   timestamptz NOT NULL,
    assigned_at    timestamptz,
    arrived_at     timestamptz,
    started_at     timestamptz,
    ended_at       timestamptz
);
-- The second, independent guard against double assignment (the first is the single owner of the ride state).
CREATE UNIQUE INDEX rides_one_live_per_driver ON rides (driver_id) WHERE status IN ('driver_assigned', 'driver_arrived', 'in_progress');
CREATE UNIQUE INDEX rides_one_live_per_rider ON rides (rider_id) WHERE status IN ('requested', 'driver_assigned', 'driver_arrived', 'in_progress');
CREATE INDEX rides_live ON rides (requested_at) WHERE status IN ('requested', 'driver_assigned', 'driver_arrived', 'in_progress');
CREATE INDEX rides_by_rider ON rides (rider_id, requested_at DESC, id DESC);
CREATE INDEX rides_by_driver ON rides (driver_id, requested_at DESC, id DESC);
CREATE INDEX rides_by_time ON rides (requested_at);

CREATE TABLE offers (
    ride_id    uuid        NOT NULL REFERENCES rides,
    ordinal    integer     NOT NULL,
    driver_id  uuid        NOT NULL REFERENCES drivers,
    pickup_eta_s integer   NOT NULL,
    pickup_distance_m integer NOT NULL,
    offered_at timestamptz NOT NULL,
    deadline   timestamptz NOT NULL,
    -- Null while the offer is open.
    outcome    text        CHECK (outcome IN ('accepted', 'declined', 'expired', 'driver_lost', 'cancelled')),
    reason     text,
    closed_at  timestamptz,
    PRIMARY KEY (ride_id, ordinal)
);
CREATE UNIQUE INDEX offers_one_open_per_driver ON offers (driver_id) WHERE outcome IS NULL;
CREATE INDEX offers_by_driver ON offers (driver_id, offered_at DESC);

-- Append-only: the trigger refuses to change what was written.
CREATE TABLE ride_events (
    ride_id uuid        NOT NULL REFERENCES rides,
    seq     integer     NOT NULL,
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    actor   text        NOT NULL CHECK (actor IN ('customer', 'driver', 'admin', 'system')),
    actor_id uuid,
    data    jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (ride_id, seq)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER ride_events_append_only BEFORE UPDATE OR DELETE ON ride_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE ratings (
    ride_id    uuid        NOT NULL REFERENCES rides,
    -- Who rated: the other party of the ride is the one rated.
    by_role    text        NOT NULL CHECK (by_role IN ('customer', 'driver')),
    by_id      uuid        NOT NULL REFERENCES users,
    about_id   uuid        NOT NULL REFERENCES users,
    stars      smallint    NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment    text,
    created_at timestamptz NOT NULL,
    CONSTRAINT ratings_once PRIMARY KEY (ride_id, by_role)
);
