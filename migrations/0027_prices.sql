-- Prices by date, the proof of each fare, and what riders dispute. Owners: services `pricing` (price_versions), `rides`
-- (fare_proofs, price_basis) and `payments` (fare_disputes).

-- What holds from a day on. Only states change: what was proposed is what is approved, and what was approved is what
-- held.
CREATE TABLE price_versions (
    id           uuid        PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('tariff', 'terms')),
    -- Of terms; a tariff is for every ride.
    ride_type    text,
    -- What receipts and proofs call it.
    name         text        NOT NULL,
    -- The first day in Kigali on which it holds.
    valid_from   date        NOT NULL,
    -- The document it comes from.
    source       text        NOT NULL,
    -- The numbers: see pricing/content.rs and pricing/terms.rs.
    content      jsonb       NOT NULL CHECK (jsonb_typeof(content) = 'object'),
    state        text        NOT NULL CHECK (state IN ('proposed', 'approved', 'withdrawn')),
    proposer_id  uuid        NOT NULL REFERENCES users,
    proposed_at  timestamptz NOT NULL,
    approver_id  uuid        REFERENCES users,
    approved_at  timestamptz,
    withdrawer_id uuid       REFERENCES users,
    withdrawn_at timestamptz,
    CONSTRAINT price_versions_name UNIQUE (kind, name),
    CONSTRAINT price_versions_of CHECK ((kind = 'terms') = (ride_type IS NOT NULL)),
    CONSTRAINT price_versions_four_eyes CHECK (approver_id <> proposer_id),
    CONSTRAINT price_versions_approved CHECK ((approver_id IS NULL) = (approved_at IS NULL)),
    CONSTRAINT price_versions_state CHECK (state <> 'approved' OR approved_at IS NOT NULL),
    CONSTRAINT price_versions_withdrawn CHECK ((state = 'withdrawn') = (withdrawn_at IS NOT NULL))
);
-- Nobody could say which of two holds.
CREATE UNIQUE INDEX price_versions_day ON price_versions (kind, coalesce(ride_type, ''), valid_from)
    WHERE state = 'approved';
CREATE INDEX price_versions_by_time ON price_versions (kind, proposed_at DESC, id DESC);

CREATE FUNCTION price_version_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'price version % cannot be deleted', OLD.id;
    END IF;
    IF (OLD.id, OLD.kind, OLD.ride_type, OLD.name, OLD.valid_from, OLD.source, OLD.content, OLD.proposer_id, OLD.proposed_at)
       IS DISTINCT FROM
       (NEW.id, NEW.kind, NEW.ride_type, NEW.name, NEW.valid_from, NEW.source, NEW.content, NEW.proposer_id, NEW.proposed_at)
       OR (OLD.approved_at IS NOT NULL AND (OLD.approver_id, OLD.approved_at) IS DISTINCT FROM (NEW.approver_id, NEW.approved_at))
       OR OLD.state = 'withdrawn' THEN
        RAISE EXCEPTION 'price version % cannot be changed', OLD.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_version_kept BEFORE UPDATE OR DELETE ON price_versions
    FOR EACH ROW EXECUTE FUNCTION price_version_kept();

-- By what a ride was priced besides the tariff: {"begins_at", "terms", "service_fee_rwf"}. Empty of rides that are older.
ALTER TABLE quotes ADD COLUMN price_basis jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(price_basis) = 'object');
ALTER TABLE rides ADD COLUMN price_basis jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(price_basis) = 'object');

-- Everything a recomputation of a fare needs; written with the completion, never changed. See rides/fare_proof.rs.
CREATE TABLE fare_proofs (
    ride_id uuid        PRIMARY KEY REFERENCES rides,
    proof   jsonb       NOT NULL CHECK (jsonb_typeof(proof) = 'object'),
    at      timestamptz NOT NULL
);
CREATE FUNCTION fare_proof_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the fare proof of ride % cannot be changed', OLD.ride_id;
END $$;
CREATE TRIGGER fare_proof_kept BEFORE UPDATE ON fare_proofs FOR EACH ROW EXECUTE FUNCTION fare_proof_kept();

-- What a rider says is wrong with a fare; how it goes on is in the case of cause 'fare_dispute:RIDE'.
CREATE TABLE fare_disputes (
    ride_id    uuid        PRIMARY KEY REFERENCES rides,
    id         uuid        NOT NULL UNIQUE,
    rider_id   uuid        NOT NULL REFERENCES users,
    reason     text        NOT NULL,
    -- In the rider's own words; forgotten with the person.
    comment    text,
    charged_rwf bigint     NOT NULL,
    opened_at  timestamptz NOT NULL
);
CREATE INDEX fare_disputes_by_rider ON fare_disputes (rider_id, opened_at DESC, id DESC);
