-- Personal data at rest: phones and national ids lie sealed, and are found by a blind index.
-- Owner: services `auth` (users) and `rides` (rides), the room `vault` (vault_keys).

-- What is sealed cannot be made by SQL, which knows no key: phones that lie open are sealed by the program, right after the
-- migrations (src/auth/sealing.rs). Whatever is killed before it is through, a phone is in exactly one of both columns.
ALTER TABLE users
    ALTER COLUMN phone DROP NOT NULL,
    DROP CONSTRAINT users_phone_unique,
    -- Sealed for this row: it opens in no other. Both are null once the person was erased.
    ADD COLUMN phone_sealed bytea,
    ADD COLUMN phone_index bytea CONSTRAINT users_phone_index_unique UNIQUE,
    ADD CONSTRAINT users_phone_sealed_with_index CHECK ((phone_sealed IS NULL) = (phone_index IS NULL)),
    -- Not valid on purpose: it holds for every row that is written from now on, while rows of before wait to be sealed.
    ADD CONSTRAINT users_phone_not_open CHECK (phone IS NULL) NOT VALID;

-- What is left to seal, found at every start without reading the table. Empty ever after.
CREATE INDEX users_phone_open ON users (id) WHERE phone IS NOT NULL;

-- Where people live, down to the smallest unit of the administration.
ALTER TABLE users
    ADD COLUMN cell text,
    ADD COLUMN village text,
    -- Never a key of anything: a card that is made anew may carry another number.
    ADD COLUMN national_id_type text CHECK (national_id_type IN ('nid16', 'passport', 'refugee', 'foreigner', 'sdid', 'other')),
    ADD COLUMN national_id_sealed bytea,
    ADD COLUMN national_id_index bytea,
    ADD CONSTRAINT users_national_id_whole
        CHECK (num_nulls(national_id_type, national_id_sealed, national_id_index) IN (0, 3));
-- To be found by, not unique: whoever says a number that somebody else has said must not learn that from a refusal.
CREATE INDEX users_by_national_id ON users (national_id_index) WHERE national_id_index IS NOT NULL;

-- Names and phones of people without an account (at stops, senders, receivers): one sealed document for a ride, apart from
-- the stops and the parcel themselves, and taken away some days after the ride. Documents of before are sealed by the
-- program as phones are (src/rides/sealing.rs).
ALTER TABLE rides
    ADD COLUMN contacts_sealed bytea,
    ADD CONSTRAINT rides_contacts_sealed CHECK (has_contacts = (contacts_sealed IS NOT NULL)) NOT VALID;
CREATE INDEX rides_contacts_open ON rides (id) WHERE has_contacts AND contacts_sealed IS NULL;

-- The keys that values of this database are sealed with. The keys themselves are files and never here; of each there is a
-- known value that it sealed, so that a server with other keys is found out at its start.
CREATE TABLE vault_keys (
    -- As in the head of what it sealed; 0 is the key that makes blind indexes.
    id         integer     PRIMARY KEY CHECK (id >= 0),
    canary     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    -- From then on it seals, unless a newer one does: by then every server has read it. Of the index key nothing.
    seals_from timestamptz,
    CONSTRAINT vault_keys_seal CHECK ((id = 0) = (seals_from IS NULL))
);
