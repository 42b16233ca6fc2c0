-- Drivers' papers: what was handed in and what became of it, the files, who reviews, the history of standing, appeals,
-- notices before a paper expires. Owner: service `drivers`.

-- Numbers of licences and papers lie sealed from now on (`src/vault`). What is sealed cannot be made by SQL, which knows no
-- key: numbers that lie open are sealed by the program, right after the migrations (src/drivers/sealing.rs).
DROP VIEW reporting.drivers;

ALTER TABLE drivers
    ALTER COLUMN licence_number DROP NOT NULL,
    ALTER COLUMN insurance_number DROP NOT NULL,
    ADD COLUMN insurance_number_sealed bytea,
    ADD COLUMN licence_number_sealed bytea,
    -- HMAC of the number: the same licence is found without being read.
    ADD COLUMN licence_number_index bytea CONSTRAINT drivers_licence_unique UNIQUE,
    ADD COLUMN national_id_index bytea CONSTRAINT drivers_national_id_unique UNIQUE,
    -- Where they work: rules differ by city.
    ADD COLUMN city text NOT NULL DEFAULT 'kigali' CHECK (city IN ('kigali', 'elsewhere')),
    -- Of the approved authorisation.
    ADD COLUMN authorisation_expires_on date,
    -- What a suspension came from: only one by expiry ends by itself, when the papers were renewed.
    ADD COLUMN suspended_for text CHECK (suspended_for IN ('decision', 'expiry')),
    -- Since when something waits for a reviewer.
    ADD COLUMN waiting_since timestamptz,
    -- The reviewer who took the papers, until when.
    ADD COLUMN claimed_by uuid REFERENCES users,
    ADD COLUMN claimed_until timestamptz,
    -- The rating is put before a reviewer; how many ratings there were when one last looked.
    ADD COLUMN rating_flagged_at timestamptz,
    ADD COLUMN rating_reviewed_count integer NOT NULL DEFAULT 0;
UPDATE drivers SET waiting_since = updated_at WHERE status = 'pending';
UPDATE drivers SET suspended_for = 'decision' WHERE status = 'suspended';
CREATE INDEX drivers_waiting ON drivers (waiting_since, user_id) WHERE waiting_since IS NOT NULL;
CREATE INDEX drivers_flagged ON drivers (rating_flagged_at, user_id) WHERE rating_flagged_at IS NOT NULL;

-- Files lie on a shelf, encrypted; the key of each is here, sealed. A row is there before its file: whatever happens between
-- the two, the sweep finds the row and takes the file away.
CREATE TABLE driver_files (
    id           uuid        PRIMARY KEY,
    driver_id    uuid        NOT NULL REFERENCES drivers,
    -- Null: not whole yet, or to be unreadable for ever.
    key_sealed   bytea,
    content_type text        NOT NULL,
    size_bytes   integer     NOT NULL,
    state        text        NOT NULL CHECK (state IN ('coming', 'kept', 'dropped')),
    created_at   timestamptz NOT NULL
);
CREATE INDEX driver_files_by_driver ON driver_files (driver_id);
CREATE INDEX driver_files_to_sweep ON driver_files (created_at) WHERE state <> 'kept';

ALTER TABLE driver_documents
    DROP CONSTRAINT driver_documents_kind_check,
    ALTER COLUMN number DROP NOT NULL,
    ADD CONSTRAINT driver_documents_kind_check CHECK (kind IN
        ('licence', 'vehicle', 'authorisation', 'insurance', 'inspection', 'helmet', 'cooperative', 'national_id', 'photo')),
    ADD COLUMN number_sealed bytea,
    ADD COLUMN number_type text,
    ADD COLUMN issuer text,
    ADD COLUMN first_authorised_on date,
    ADD COLUMN file_id uuid REFERENCES driver_files,
    -- `submitted` waits for a reviewer; `asked_again` and `rejected` wait for the driver; `approved` is in force; `replaced` was.
    ADD COLUMN state text NOT NULL DEFAULT 'submitted'
        CHECK (state IN ('submitted', 'approved', 'asked_again', 'rejected', 'replaced')),
    ADD COLUMN reason_code text,
    ADD COLUMN reason text,
    ADD COLUMN reviewed_by uuid REFERENCES users,
    ADD COLUMN reviewed_at timestamptz,
    -- What the authority says.
    ADD COLUMN verification text
        CHECK (verification IN ('asked', 'valid', 'expired', 'suspended', 'unknown', 'name_mismatch', 'unanswered')),
    ADD COLUMN verified_at timestamptz;
-- Of rows from before, which kept every version: the newest of a kind counts, and is as the driver is.
UPDATE driver_documents d SET state = CASE
    WHEN EXISTS (SELECT FROM driver_documents n WHERE n.driver_id = d.driver_id AND n.kind = d.kind
                 AND (n.created_at, n.id) > (d.created_at, d.id)) THEN 'replaced'
    WHEN (SELECT status FROM drivers WHERE user_id = d.driver_id) IN ('approved', 'suspended') THEN 'approved'
    ELSE 'submitted' END;
UPDATE drivers SET authorisation_expires_on =
    (SELECT expires_on FROM driver_documents WHERE driver_id = user_id AND kind = 'authorisation' AND state = 'approved');

-- Not valid on purpose: they hold for every row that is written from now on, while rows of before wait to be sealed.
ALTER TABLE drivers
    ADD CONSTRAINT drivers_numbers_not_open CHECK (licence_number IS NULL AND insurance_number IS NULL) NOT VALID;
ALTER TABLE driver_documents ADD CONSTRAINT driver_documents_number_not_open CHECK (number IS NULL) NOT VALID;
-- What is left to seal, found at every start without reading the tables. Empty ever after.
CREATE INDEX drivers_numbers_open ON drivers (user_id) WHERE licence_number IS NOT NULL OR insurance_number IS NOT NULL;
CREATE INDEX driver_documents_number_open ON driver_documents (id) WHERE number IS NOT NULL;
-- One in force and one on the way.
CREATE UNIQUE INDEX driver_documents_in_force ON driver_documents (driver_id, kind) WHERE state = 'approved';
CREATE UNIQUE INDEX driver_documents_on_the_way ON driver_documents (driver_id, kind)
    WHERE state IN ('submitted', 'asked_again', 'rejected');
CREATE INDEX driver_documents_by_file ON driver_documents (file_id) WHERE file_id IS NOT NULL;

-- Every change of standing. Append-only; the words may be taken out when a person is erased.
CREATE TABLE driver_standing (
    id          uuid        PRIMARY KEY,
    driver_id   uuid        NOT NULL REFERENCES drivers,
    from_status text,
    to_status   text        NOT NULL,
    cause       text        NOT NULL CHECK (cause IN ('papers', 'decision', 'expiry', 'renewal', 'appeal')),
    reason      text,
    -- Null: the server itself, or the driver by new papers.
    decided_by  uuid        REFERENCES users,
    at          timestamptz NOT NULL
);
CREATE INDEX driver_standing_by_driver ON driver_standing (driver_id, at DESC, id DESC);
CREATE FUNCTION driver_standing_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.reason IS NULL
       AND (NEW.id, NEW.driver_id, NEW.to_status, NEW.cause, NEW.at) = (OLD.id, OLD.driver_id, OLD.to_status, OLD.cause, OLD.at)
       AND NEW.from_status IS NOT DISTINCT FROM OLD.from_status AND NEW.decided_by IS NOT DISTINCT FROM OLD.decided_by THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'driver_standing is append-only';
END $$;
CREATE TRIGGER driver_standing_append_only BEFORE UPDATE OR DELETE ON driver_standing
    FOR EACH ROW EXECUTE FUNCTION driver_standing_append_only();

CREATE TABLE driver_appeals (
    id         uuid        PRIMARY KEY,
    driver_id  uuid        NOT NULL REFERENCES drivers,
    -- In the driver's own words; null after an erasure.
    words      text,
    created_at timestamptz NOT NULL,
    outcome    text        CHECK (outcome IN ('granted', 'refused')),
    reason     text,
    decided_by uuid        REFERENCES users,
    decided_at timestamptz,
    CHECK ((outcome IS NULL) = (decided_at IS NULL))
);
CREATE UNIQUE INDEX driver_appeals_one_open ON driver_appeals (driver_id) WHERE outcome IS NULL;
CREATE INDEX driver_appeals_waiting ON driver_appeals (created_at, id) WHERE outcome IS NULL;

-- Which notices went out: each once, also after the server was down. `days` before the last day; -1 is the suspension.
CREATE TABLE driver_expiry_notices (
    driver_id  uuid        NOT NULL REFERENCES drivers,
    kind       text        NOT NULL,
    expires_on date        NOT NULL,
    days       integer     NOT NULL,
    sent_at    timestamptz NOT NULL,
    PRIMARY KEY (driver_id, kind, expires_on, days)
);

-- As before, with sealed numbers, and with the authorisation that is in force. `driver_ref` names a driver to outsiders
-- without being the id that our own API takes.
CREATE VIEW reporting.drivers AS
SELECT d.user_id AS driver_id,
       encode(substring(sha256(convert_to('driver_ref ' || d.user_id::text, 'UTF8')) FOR 16), 'hex')::uuid AS driver_ref,
       u.first_name, d.status, d.plate, d.licence_number_sealed, d.licence_category, d.licence_expires_on,
       d.insurance_expires_on, d.inspection_expires_on,
       -- Three questions instead of one join: a report that does not show them does not ask them.
       (SELECT id FROM driver_documents WHERE driver_id = d.user_id AND kind = 'authorisation' AND state = 'approved')
           AS authorisation_id,
       (SELECT number_sealed FROM driver_documents
        WHERE driver_id = d.user_id AND kind = 'authorisation' AND state = 'approved') AS authorisation_number_sealed,
       d.authorisation_expires_on,
       d.fuel, d.rating_sum, d.rating_count, d.rides_completed, d.created_at
FROM drivers d JOIN users u ON u.id = d.user_id;
