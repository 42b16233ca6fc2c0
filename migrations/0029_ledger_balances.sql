-- What the books need to be read quickly and reconciled: kept sums, statements of providers, decisions about cases.
-- Owner: service `payments`. Every amount is in francs: the ledger has one currency, as the names of its columns say, so
-- that "balanced for each currency" is "balanced".

LOCK TABLE ledger_entries IN SHARE ROW EXCLUSIVE MODE;

-- The sums of each account, kept by the database itself in the transaction that writes the entries. The house's accounts
-- are touched by every posting, so each of them has several rows ("shards"), chosen by the writing session: a commit does not
-- wait for everybody else's. A person's account has exactly one, so that its balance can be locked and checked.
CREATE TABLE ledger_balances (
    account_id bigint   NOT NULL REFERENCES ledger_accounts,
    shard      smallint NOT NULL,
    debit_rwf  bigint   NOT NULL DEFAULT 0 CHECK (debit_rwf >= 0),
    credit_rwf bigint   NOT NULL DEFAULT 0 CHECK (credit_rwf >= 0),
    PRIMARY KEY (account_id, shard)
) WITH (fillfactor = 50);

INSERT INTO ledger_balances (account_id, shard, debit_rwf, credit_rwf)
SELECT account_id, 0, coalesce(sum(amount_rwf) FILTER (WHERE amount_rwf > 0), 0),
       coalesce(-sum(amount_rwf) FILTER (WHERE amount_rwf < 0), 0)
FROM ledger_entries GROUP BY account_id;

-- Adds new entries to the sums, accounts in one order, and refuses what would overdraw a person's account. Which debits are
-- bound is a matter of the cause, not of the account, or a CHECK would stop corrections too: a rider's credit can be spent
-- as far as it goes by anything but a correction; a driver's earnings can be paid out as far as they go, but a refund that
-- two people charge to the driver may well leave a debt.
CREATE FUNCTION ledger_keep_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    overdrawn record;
BEGIN
    WITH change AS (
        SELECT fresh.account_id,
               CASE WHEN account.owner_id IS NULL THEN (pg_backend_pid() % 16)::smallint ELSE 0::smallint END AS shard,
               coalesce(sum(fresh.amount_rwf) FILTER (WHERE fresh.amount_rwf > 0), 0) AS debit,
               coalesce(-sum(fresh.amount_rwf) FILTER (WHERE fresh.amount_rwf < 0), 0) AS credit,
               coalesce(bool_or(CASE account.kind WHEN 'rider_credit' THEN bound.cause NOT LIKE 'correction:%'
                                                  ELSE bound.cause LIKE 'payout:%' END), false) AS is_bound
        FROM fresh
        JOIN ledger_accounts account ON account.id = fresh.account_id
        LEFT JOIN ledger_transactions bound
            ON bound.id = fresh.transaction_id AND fresh.amount_rwf > 0 AND account.kind IN ('rider_credit', 'driver_payable')
        GROUP BY fresh.account_id, account.owner_id
    ), kept AS (
        INSERT INTO ledger_balances (account_id, shard, debit_rwf, credit_rwf)
        SELECT account_id, shard, debit, credit FROM change ORDER BY account_id
        ON CONFLICT (account_id, shard) DO UPDATE
            SET debit_rwf = ledger_balances.debit_rwf + EXCLUDED.debit_rwf,
                credit_rwf = ledger_balances.credit_rwf + EXCLUDED.credit_rwf
        RETURNING account_id, debit_rwf - credit_rwf AS balance
    )
    SELECT kept.account_id, kept.balance INTO overdrawn
    FROM kept JOIN change ON change.account_id = kept.account_id WHERE change.is_bound AND kept.balance > 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger account % would be overdrawn by % RWF', overdrawn.account_id, overdrawn.balance
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_not_overdrawn', TABLE = 'ledger_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_keep_balances AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep_balances();

-- Statements are read account by account, newest first, and their running balances without the table.
DROP INDEX ledger_entries_by_account;
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, transaction_id DESC) INCLUDE (amount_rwf);
CREATE INDEX ledger_transactions_by_ride ON ledger_transactions (ride_id) WHERE ride_id IS NOT NULL;

-- Lines of providers' statements: one for each transaction of theirs. Nothing of a person but our own reference.
CREATE TABLE provider_statement_lines (
    provider           text        NOT NULL CHECK (provider IN ('mtn', 'airtel', 'card')),
    provider_reference text        NOT NULL,
    our_reference      text,
    operation          text        NOT NULL CHECK (operation IN ('collection', 'refund', 'payout')),
    amount_rwf         bigint      NOT NULL CHECK (amount_rwf >= 0),
    fee_rwf            bigint      NOT NULL CHECK (fee_rwf >= 0),
    is_successful      boolean     NOT NULL,
    at                 timestamptz NOT NULL,
    -- The attempt it belongs to, where one was found.
    attempt_id         uuid        REFERENCES payment_attempts,
    class              text        NOT NULL CHECK (class IN ('matched', 'missing_here', 'amount_differs', 'status_differs',
                                                             'duplicate', 'no_money_moved')),
    imported_at        timestamptz NOT NULL,
    PRIMARY KEY (provider, provider_reference)
);
CREATE INDEX provider_statement_lines_by_attempt ON provider_statement_lines (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX payment_attempts_finished ON payment_attempts (provider, finished_at) WHERE finished_at IS NOT NULL;

-- What came of reconciling a day with a provider; a later run of the same day takes the place of the former.
CREATE TABLE reconciliations (
    provider    text        NOT NULL CHECK (provider IN ('mtn', 'airtel', 'card')),
    kigali_day  date        NOT NULL,
    source      text        NOT NULL CHECK (source IN ('provider', 'file', 'none')),
    counts      jsonb       NOT NULL,
    -- Ledger and provider side by side, for each account of ours there.
    proof       jsonb       NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (kigali_day, provider)
);

-- A decision that moves money is proposed by one admin and approved by another.
ALTER TABLE money_cases
    ADD COLUMN proposal    jsonb,
    ADD COLUMN proposed_by uuid REFERENCES users,
    ADD COLUMN proposed_at timestamptz,
    ADD CONSTRAINT money_cases_proposal CHECK ((proposal IS NULL) = (proposed_by IS NULL));
