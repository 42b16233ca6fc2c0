-- The ledger: double entry, append-only, whole francs. Owner: service `payments`.

CREATE TABLE ledger_accounts (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- driver_cash: fares in the driver's own hands. driver_payable: what rides earned the driver, commission deducted.
    -- commission_income: what the platform earned. The sum of a driver's two accounts is what the driver owes.
    kind       text        NOT NULL CHECK (kind IN ('driver_cash', 'driver_payable', 'commission_income')),
    -- The driver whose account it is; null for the house's own accounts.
    owner_id   uuid        REFERENCES users,
    CONSTRAINT ledger_accounts_unique UNIQUE NULLS NOT DISTINCT (kind, owner_id),
    CONSTRAINT ledger_accounts_owned CHECK ((kind LIKE 'driver\_%') = (owner_id IS NOT NULL))
);
CREATE INDEX ledger_accounts_by_owner ON ledger_accounts (owner_id) WHERE owner_id IS NOT NULL;

CREATE TABLE ledger_transactions (
    id         uuid        PRIMARY KEY,
    -- What caused it, e.g. 'ride:UUID:cash': posting twice is impossible.
    cause      text        NOT NULL CONSTRAINT ledger_transactions_cause UNIQUE,
    ride_id    uuid        REFERENCES rides,
    at         timestamptz NOT NULL,
    memo       text        NOT NULL
);

CREATE TABLE ledger_entries (
    transaction_id uuid    NOT NULL REFERENCES ledger_transactions,
    line           smallint NOT NULL,
    account_id     bigint  NOT NULL REFERENCES ledger_accounts,
    -- Debits positive, credits negative; every transaction sums to zero.
    amount_rwf     bigint  NOT NULL CHECK (amount_rwf <> 0),
    PRIMARY KEY (transaction_id, line)
);
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, transaction_id);

CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total bigint;
BEGIN
    SELECT coalesce(sum(amount_rwf), 0) INTO total FROM ledger_entries WHERE transaction_id = NEW.transaction_id;
    IF total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % is off by % RWF', NEW.transaction_id, total;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entries_balanced AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balanced();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
