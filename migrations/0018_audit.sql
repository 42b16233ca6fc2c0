-- Who looked at or changed what of whose, and why: an append-only log whose records form a chain of hashes. Owner: `audit`.
--
-- Everything that a record says is under its hash (`src/audit/encoding.rs` says how it is written out), and each hash is
-- over the one before, so a record that is removed, changed, moved or put in breaks the chain. Whoever owns the database
-- can hash the whole chain anew; that is found by the heads that are published outside of it.

CREATE TABLE audit_records (
    -- Without gaps, from 1.
    seq          bigint      PRIMARY KEY CHECK (seq > 0),
    at           timestamptz NOT NULL,
    actor        text        NOT NULL CHECK (actor IN ('person', 'system', 'operator')),
    actor_id     uuid,
    role         text,
    -- Of an official.
    agency       text,
    action       text        NOT NULL,
    -- Everybody whose data or standing it concerns: a page of people is one record. Without references: a record outlives
    -- the person's account, and an id without an account is a pseudonym.
    whose        uuid[]      NOT NULL,
    subject_kind text,
    subject_id   uuid,
    why          text,
    request_id   text,
    -- The address an admin, official or agent came from.
    client       text,
    -- `json`, not `jsonb`: the text is kept as it was hashed.
    detail       json        NOT NULL,
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32)
);
-- "Who looked at my data?" Without a pending list: it would be emptied by somebody who holds the head of the chain.
CREATE INDEX audit_records_by_whose ON audit_records USING gin (whose) WITH (fastupdate = off);
CREATE INDEX audit_records_by_actor ON audit_records (actor_id, seq) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_records_by_action ON audit_records (action, seq);
CREATE INDEX audit_records_by_subject ON audit_records (subject_id, seq) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_records_by_agency ON audit_records (agency, seq) WHERE agency IS NOT NULL;
-- Records come in the order of their time, give or take a transaction.
CREATE INDEX audit_records_by_time ON audit_records USING brin (at) WITH (autosummarize = on);

-- The end of the chain. Its lock is what makes the sequence gapless: it is taken last and held until the commit.
CREATE TABLE audit_head (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint  NOT NULL,
    hash bytea   NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_stays BEFORE INSERT OR DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

-- The head moves by one record at a time, to the hash of that record.
CREATE FUNCTION audit_head_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> OLD.seq + 1 THEN
        RAISE EXCEPTION 'the head of the audit log goes from % to %: it moves on by one only', OLD.seq, NEW.seq
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_head_moves_on BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_head_moves_on();

-- For which agency an official reads. Officials made before this have none, and read nothing until one is set.
ALTER TABLE users ADD COLUMN agency text CHECK (agency IN ('RURA', 'RTDA', 'RRA', 'BNR', 'NCSA', 'RNP'));
ALTER TABLE users ADD CONSTRAINT users_agency_of_officials CHECK (agency IS NULL OR role = 'government');

-- For which agency an official asks. For `government`.
CREATE VIEW reporting.officials AS SELECT id AS user_id, agency FROM users WHERE role = 'government' AND disabled_at IS NULL;
