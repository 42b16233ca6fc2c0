-- What people wish of each other: drivers' wishes, who avoids whom, agents, roadside pairing, what a cancellation costs.
-- Owners: `drivers` (driver_wishes, driver_home_uses), `rides` (the rest), `auth` (the columns of users).

-- What a driver is to be asked for. Whatever is null is not wished for; a driver without a row takes everything.
CREATE TABLE driver_wishes (
    driver_id  uuid        PRIMARY KEY REFERENCES drivers,
    -- The way home: only rides that bring the driver nearer, until `home_until`.
    home_lat   double precision,
    home_lng   double precision,
    home_label text,
    home_until timestamptz,
    -- The farthest pickup, by road.
    pickup_distance_m_max integer CHECK (pickup_distance_m_max > 0),
    -- The least fare, as quoted.
    fare_rwf_min bigint    CHECK (fare_rwf_min > 0),
    -- The kinds of ride, out of those of the papers; null means all of them.
    ride_types text[]      CHECK (cardinality(ride_types) > 0),
    changed_at timestamptz NOT NULL,
    CONSTRAINT driver_wishes_home_is_whole
        CHECK ((home_lat IS NULL) = (home_lng IS NULL) AND (home_lat IS NULL) = (home_until IS NULL))
);

-- How often the way home was switched on, by Kigali day.
CREATE TABLE driver_home_uses (
    driver_id uuid    NOT NULL REFERENCES drivers,
    day       date    NOT NULL,
    uses      integer NOT NULL CHECK (uses > 0),
    PRIMARY KEY (driver_id, day)
);

-- Who wants (not) to ride with whom again. Blocked by either side, the two are never matched.
CREATE TABLE ride_relations (
    rider_id   uuid        NOT NULL REFERENCES users,
    driver_id  uuid        NOT NULL REFERENCES drivers,
    -- Whose wish it is.
    by_role    text        NOT NULL CHECK (by_role IN ('customer', 'driver')),
    kind       text        NOT NULL CHECK (kind IN ('blocked', 'favourite')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (rider_id, driver_id, by_role),
    -- Drivers are sent rides; they do not choose riders.
    CONSTRAINT ride_relations_drivers_only_block CHECK (by_role = 'customer' OR kind = 'blocked')
);
CREATE INDEX ride_relations_by_driver ON ride_relations (driver_id, created_at DESC) WHERE by_role = 'driver';

-- Agents book for people who call. An account that an agent made is a guest's: its phone is not proven, nobody signs in
-- with it until it is, and it may be written to about its rides.
ALTER TABLE users DROP CONSTRAINT users_role_check;
ALTER TABLE users ADD CONSTRAINT users_role_check
    CHECK (role IN ('customer', 'driver', 'admin', 'government', 'agent')) NOT VALID;
ALTER TABLE users ADD COLUMN guest_since timestamptz;
ALTER TABLE ride_events DROP CONSTRAINT ride_events_actor_check;
ALTER TABLE ride_events ADD CONSTRAINT ride_events_actor_check
    CHECK (actor IN ('customer', 'driver', 'admin', 'system', 'agent')) NOT VALID;

ALTER TABLE rides
    -- The agent who booked it on behalf of its rider.
    ADD COLUMN booked_by uuid REFERENCES users,
    -- When rider and driver met at the roadside, for a ride that began so.
    ADD COLUMN paired_at timestamptz,
    -- Of the fee of a cancellation, what the driver gets.
    ADD COLUMN cancellation_compensation_rwf bigint NOT NULL DEFAULT 0,
    -- Why the fee is what it is: a word of `fares::cancellation::Cause`.
    ADD COLUMN cancellation_cause text,
    ADD CONSTRAINT rides_compensation_within_fee
        CHECK (cancellation_compensation_rwf BETWEEN 0 AND cancellation_fee_rwf) NOT VALID;
CREATE INDEX rides_by_agent ON rides (booked_by, requested_at DESC, id DESC) WHERE booked_by IS NOT NULL;
CREATE INDEX rides_by_pairing ON rides (driver_id, paired_at) WHERE paired_at IS NOT NULL;

-- What agents did, for whom. Append-only.
CREATE TABLE agent_actions (
    id         uuid        PRIMARY KEY,
    agent_id   uuid        NOT NULL REFERENCES users,
    at         timestamptz NOT NULL,
    action     text        NOT NULL CHECK (action IN ('guest_made', 'booked', 'refused', 'cancelled')),
    rider_id   uuid        NOT NULL REFERENCES users,
    -- Without a reference: what was refused never became a ride.
    ride_id    uuid,
    -- The code of a refusal.
    detail     text,
    request_id text
);
CREATE INDEX agent_actions_by_time ON agent_actions (at DESC, id DESC);
CREATE INDEX agent_actions_by_agent ON agent_actions (agent_id, at DESC, id DESC);
CREATE TRIGGER agent_actions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_actions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
