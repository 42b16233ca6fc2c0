-- Accounts: people, their sign-in sessions, one-time codes, drivers and their papers.
-- Owner: services `auth` (users, sessions, refresh_tokens, sign_in_codes) and `drivers` (drivers, documents, shifts).

CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    -- E.164, normalised before it gets here.
    phone         text        NOT NULL CONSTRAINT users_phone_unique UNIQUE CHECK (phone ~ '^\+2507[2389][0-9]{7}$'),
    first_name    text        NOT NULL,
    last_name     text        NOT NULL,
    email         text,
    language      text        NOT NULL CHECK (language IN ('rw', 'en', 'fr')),
    role          text        NOT NULL CHECK (role IN ('customer', 'driver', 'admin', 'government')),
    -- argon2id in PHC string form; null while the person signs in by code only.
    password_hash text,
    date_of_birth date,
    gender        text        CHECK (gender IN ('female', 'male', 'other')),
    province      text,
    district      text,
    sector        text,
    -- Null until the phone was proven by a code: an unverified account can do nothing.
    verified_at   timestamptz,
    disabled_at   timestamptz,
    -- Average of the ratings received as a rider, in hundredths of a star.
    rating_sum    bigint      NOT NULL DEFAULT 0,
    rating_count  integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- A one-time code is never stored: it is derived from the challenge id with a server key, so a stolen table tells nothing.
CREATE TABLE sign_in_codes (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    last_sent_at timestamptz NOT NULL,
    sent_count  integer     NOT NULL DEFAULT 1,
    attempts    integer     NOT NULL DEFAULT 0,
    used_at     timestamptz
);
CREATE INDEX sign_in_codes_by_user ON sign_in_codes (user_id, created_at DESC);

-- One row for each device that signed in; its refresh tokens form a family that dies together.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users,
    device_name  text,
    user_agent   text,
    ip           text,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at DESC);

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token: the token itself is 256 random bits, so a plain hash is enough.
    hash       bytea       PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions,
    created_at timestamptz NOT NULL,
    -- Set when it was exchanged; a second use after that ends the session.
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE drivers (
    user_id              uuid        PRIMARY KEY REFERENCES users,
    status               text        NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'suspended')),
    status_reason        text,
    reviewed_by          uuid        REFERENCES users,
    reviewed_at          timestamptz,
    licence_number       text        NOT NULL,
    licence_category     text        NOT NULL,
    licence_expires_on   date        NOT NULL,
    -- Normalised without spaces, upper case.
    plate                text        NOT NULL CONSTRAINT drivers_plate_unique UNIQUE,
    vehicle_make         text        NOT NULL,
    vehicle_model        text        NOT NULL,
    vehicle_year         integer     NOT NULL,
    vehicle_colour       text        NOT NULL,
    fuel                 text        NOT NULL CHECK (fuel IN ('petrol', 'electric')),
    ride_types           text[]      NOT NULL,
    insurance_number     text        NOT NULL,
    insurance_expires_on date        NOT NULL,
    inspection_expires_on date,
    rating_sum           bigint      NOT NULL DEFAULT 0,
    rating_count         integer     NOT NULL DEFAULT 0,
    rides_completed      integer     NOT NULL DEFAULT 0,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL
);
CREATE INDEX drivers_by_status ON drivers (status, created_at, user_id);

CREATE TABLE driver_documents (
    id         uuid        PRIMARY KEY,
    driver_id  uuid        NOT NULL REFERENCES drivers,
    kind       text        NOT NULL CHECK (kind IN ('licence', 'authorisation', 'insurance', 'inspection', 'national_id', 'photo')),
    number     text        NOT NULL,
    expires_on date,
    note       text,
    created_at timestamptz NOT NULL
);
CREATE INDEX driver_documents_by_driver ON driver_documents (driver_id, created_at DESC);

-- Time on duty. At most one open shift for a driver; restart restores who is on shift from here.
CREATE TABLE shifts (
    id         uuid        PRIMARY KEY,
    driver_id  uuid        NOT NULL REFERENCES drivers,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE UNIQUE INDEX shifts_one_open ON shifts (driver_id) WHERE ended_at IS NULL;
CREATE INDEX shifts_by_driver ON shifts (driver_id, started_at DESC);
