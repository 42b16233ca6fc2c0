-- Law 058/2021: consents, exports, erasures, restrictions, legal holds. Owner: service `privacy`; the columns of users are
-- `auth`'s.

-- Phone, names and the rest are gone; the id stays, as the pseudonym under which fiscal rows are kept.
ALTER TABLE users ADD COLUMN erased_at timestamptz;
-- Kept, but not used (art. 22), since then.
ALTER TABLE users ADD COLUMN restricted_at timestamptz;

-- Every text that somebody consented to, word for word: what a consent in force rests on.
CREATE TABLE consent_texts (
    -- SHA-256 of purpose, language and text.
    version    bytea       PRIMARY KEY CHECK (length(version) = 32),
    purpose    text        NOT NULL,
    language   text        NOT NULL CHECK (language IN ('rw', 'en', 'fr')),
    text       text        NOT NULL,
    first_used_at timestamptz NOT NULL
);

-- What people said yes and no to. Append-only: it is the proof (art. 6).
CREATE TABLE consents (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users,
    -- A word of `privacy::consent::Purpose`.
    purpose    text        NOT NULL,
    given      boolean     NOT NULL,
    version    bytea       NOT NULL REFERENCES consent_texts,
    channel    text        NOT NULL CHECK (channel IN ('app', 'phone', 'paper')),
    -- The admin who wrote it down for the person; null: the person themselves.
    noted_by   uuid        REFERENCES users,
    at         timestamptz NOT NULL
);
CREATE INDEX consents_by_person ON consents (user_id, purpose, at DESC, id DESC);
CREATE TRIGGER consents_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Copies of everything about a person, made to be fetched.
CREATE TABLE personal_exports (
    -- Names the file too.
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users,
    -- The person, or an admin for somebody who asked on paper.
    asked_by    uuid        NOT NULL REFERENCES users,
    reason      text,
    state       text        NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'expired')),
    steps_done  integer     NOT NULL DEFAULT 0,
    steps       integer     NOT NULL,
    asked_at    timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at  timestamptz,
    size_bytes  bigint,
    -- The key of the file, sealed; without it the file is noise.
    sealed_key  bytea
);
CREATE UNIQUE INDEX personal_exports_one_waiting ON personal_exports (user_id) WHERE state = 'waiting';
CREATE INDEX personal_exports_by_person ON personal_exports (user_id, asked_at DESC, id DESC);
CREATE INDEX personal_exports_to_expire ON personal_exports (expires_at) WHERE state = 'ready';

-- People who are to be forgotten, and who were.
CREATE TABLE erasures (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users,
    asked_by    uuid        NOT NULL REFERENCES users,
    reason      text,
    state       text        NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'cancelled')),
    asked_at    timestamptz NOT NULL,
    -- Until then it can be cancelled.
    due_at      timestamptz NOT NULL,
    -- Why it did not begin when it was due: a code.
    obstacle    text,
    finished_at timestamptz,
    -- What was kept, on which ground, until when.
    kept        jsonb
);
CREATE UNIQUE INDEX erasures_one_open ON erasures (user_id) WHERE state IN ('waiting', 'running');
CREATE INDEX erasures_by_person ON erasures (user_id, asked_at DESC, id DESC);
CREATE INDEX erasures_due ON erasures (due_at) WHERE state IN ('waiting', 'running');

-- When somebody's data was kept but not used, and who said so.
CREATE TABLE restrictions (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users,
    since      timestamptz NOT NULL,
    by_user    uuid        NOT NULL REFERENCES users,
    reason     text,
    lifted_at  timestamptz,
    lifted_by  uuid        REFERENCES users
);
CREATE UNIQUE INDEX restrictions_one_in_force ON restrictions (user_id) WHERE lifted_at IS NULL;

-- What must not be deleted for now, whatever its time: a court or an investigation asked for it.
CREATE TABLE legal_holds (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('person', 'ride', 'incident')),
    subject    uuid        NOT NULL,
    reason     text        NOT NULL,
    by_user    uuid        NOT NULL REFERENCES users,
    since      timestamptz NOT NULL,
    lifted_at  timestamptz,
    lifted_by  uuid        REFERENCES users
);
CREATE UNIQUE INDEX legal_holds_one_in_force ON legal_holds (kind, subject) WHERE lifted_at IS NULL;

-- An operator's reason may name the driver: erasure takes the text and leaves the act. Only within a transaction that says
-- so, and only this column.
CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('boda.erasing', true) = 'on'
       AND to_jsonb(NEW) - 'reason' = to_jsonb(OLD) - 'reason' AND NEW.reason = 'erased' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END $$;
DROP TRIGGER stage_overrides_append_only ON stage_overrides;
CREATE TRIGGER stage_overrides_append_only BEFORE UPDATE OR DELETE ON stage_overrides
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER stage_overrides_never_emptied BEFORE TRUNCATE ON stage_overrides
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whose: for exports and erasures, which look for one person.
CREATE INDEX geofence_events_by_driver ON geofence_events (driver_id);
CREATE INDEX quotes_by_rider ON quotes (rider_id);
-- For whoever deletes a quote: is there a ride that refers to it?
CREATE INDEX rides_by_quote ON rides (quote_id) WHERE quote_id IS NOT NULL;

-- For forgetting what is too old; rows come in the order of their time.
CREATE INDEX notifications_by_time ON notifications USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ratings_by_time ON ratings USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);

-- Positions that a legal hold keeps, copied before their day is dropped. Owner: service `locations`.
CREATE TABLE held_position_segments (
    driver_id uuid    NOT NULL,
    minute    integer NOT NULL,
    points    bytea   NOT NULL
);
CREATE UNIQUE INDEX held_position_segments_once ON held_position_segments (driver_id, minute, sha256(points));

-- Who objected to what: looked at every minute.
CREATE INDEX consents_by_purpose ON consents (purpose, user_id, at DESC, id DESC);
