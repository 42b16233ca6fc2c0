-- Signing in: the second factor, growing delays, codes that prove a phone for another purpose than signing in, partners.
-- Owner: service `auth`.

CREATE TABLE second_factors (
    user_id        uuid        PRIMARY KEY REFERENCES users,
    -- The secret of the authenticator, sealed; null while the first one waits to be confirmed.
    secret         bytea,
    confirmed_at   timestamptz,
    -- The step of the last code taken: a code is good once, and so is every one before it.
    last_step      bigint,
    -- One that was handed out and not confirmed yet, sealed.
    pending_secret bytea,
    pending_until  timestamptz,
    CONSTRAINT second_factors_confirmed CHECK ((secret IS NULL) = (confirmed_at IS NULL)),
    CONSTRAINT second_factors_pending CHECK ((pending_secret IS NULL) = (pending_until IS NULL))
);

CREATE TABLE recovery_codes (
    user_id uuid        NOT NULL REFERENCES users,
    -- HMAC of the code with a key of the server: 50 random bits are too few for a plain hash.
    hash    bytea       NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, hash)
);

ALTER TABLE sessions ADD COLUMN second_factor_at timestamptz;
-- Every node reads now and then which sessions were ended lately.
CREATE INDEX sessions_by_end ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Attempts by whatever can be guessed at or worn out. A subject is an HMAC: nobody's number or address stands here.
CREATE TABLE throttles (
    kind      text        NOT NULL,
    subject   bytea       NOT NULL,
    attempts  integer     NOT NULL,
    -- The next attempt is allowed from here on.
    free_at   timestamptz NOT NULL,
    -- Without further attempts, nothing of it counts any more from here on.
    forget_at timestamptz NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX throttles_by_forget ON throttles (forget_at);

-- A code sent to a phone that proves it for one purpose. Like a sign-in code it is derived from the id and never stored.
CREATE TABLE phone_proofs (
    id           uuid        PRIMARY KEY,
    purpose      text        NOT NULL CHECK (purpose IN ('sign_in', 'password_reset', 'phone_change_old', 'phone_change_new')),
    -- For whom; null where nobody has the phone, so that the answers are the same.
    user_id      uuid        REFERENCES users,
    -- Sealed, and its blind index.
    phone        bytea       NOT NULL,
    phone_index  bytea       NOT NULL,
    -- Whether it is sent and can be right: not to nobody, and not to a phone that is somebody else's.
    is_real      boolean     NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_sent_at timestamptz NOT NULL,
    sent_count   integer     NOT NULL DEFAULT 1,
    attempts     integer     NOT NULL DEFAULT 0,
    used_at      timestamptz
);
CREATE INDEX phone_proofs_by_phone ON phone_proofs (phone_index, created_at DESC);
CREATE INDEX phone_proofs_by_user ON phone_proofs (user_id);
CREATE INDEX phone_proofs_by_expiry ON phone_proofs (expires_at);

-- Programs of others that may ask us things.
CREATE TABLE partners (
    id             uuid        PRIMARY KEY,
    name           text        NOT NULL,
    scopes         text        NOT NULL,
    -- SHA-256 of the secret: it is 256 random bits, so a plain hash is enough.
    secret_hash    bytea       NOT NULL,
    created_by     uuid        NOT NULL REFERENCES users,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    last_used_at   timestamptz,
    revoked_at     timestamptz,
    revoked_reason text
);

-- A partner's program acts, too.
ALTER TABLE audit_records
    DROP CONSTRAINT audit_records_actor_check,
    ADD CONSTRAINT audit_records_actor_check CHECK (actor IN ('person', 'system', 'operator', 'partner'));
