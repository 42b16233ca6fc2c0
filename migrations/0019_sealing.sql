-- Personal data at rest: phones and national ids lie sealed, and are found by a blind index.
-- Owner: service `auth` (users), the room `vault` (vault_keys).

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
