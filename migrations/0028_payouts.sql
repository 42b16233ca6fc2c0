-- Wallets that people saved, money paid to drivers, money given back, and what two people decided. Owner: service `payments`.

-- How a rider may pay besides cash.
CREATE TABLE payment_methods (
    id            uuid        PRIMARY KEY,
    rider_id      uuid        NOT NULL REFERENCES users,
    -- Chosen by the person: numbers move between networks.
    provider      text        NOT NULL CHECK (provider IN ('mtn', 'airtel', 'card')),
    -- The wallet's number, and its blind index; null of cards, which the gateway's page asks for.
    wallet_sealed bytea,
    wallet_index  bytea,
    -- What the person calls it.
    label         text,
    is_default    boolean     NOT NULL DEFAULT false,
    -- When the provider last said that the wallet is active, and whether its holder has the person's name; null: not said.
    verified_at   timestamptz,
    name_matches  boolean,
    created_at    timestamptz NOT NULL,
    CONSTRAINT payment_methods_wallet CHECK ((provider = 'card') = (wallet_sealed IS NULL)
                                             AND (wallet_sealed IS NULL) = (wallet_index IS NULL)),
    CONSTRAINT payment_methods_once UNIQUE (rider_id, provider, wallet_index)
);
CREATE UNIQUE INDEX payment_methods_default ON payment_methods (rider_id) WHERE is_default;
CREATE INDEX payment_methods_by_wallet ON payment_methods (wallet_index) WHERE wallet_index IS NOT NULL;

-- Where a driver is paid.
CREATE TABLE payout_wallets (
    driver_id     uuid        PRIMARY KEY REFERENCES drivers,
    provider      text        NOT NULL CHECK (provider IN ('mtn', 'airtel')),
    wallet_sealed bytea       NOT NULL,
    wallet_index  bytea       NOT NULL,
    verified_at   timestamptz,
    name_matches  boolean,
    -- Why nothing is paid to it: a word of payments/providers/mod.rs (Reason).
    flagged       text,
    changes       integer     NOT NULL DEFAULT 0,
    changed_at    timestamptz NOT NULL,
    -- After a change nothing is paid before this.
    held_until    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX payout_wallets_by_wallet ON payout_wallets (wallet_index);

-- Money to drivers.
CREATE TABLE payouts (
    id           uuid        PRIMARY KEY,
    driver_id    uuid        NOT NULL REFERENCES drivers,
    kind         text        NOT NULL CHECK (kind IN ('instant', 'weekly')),
    -- The Monday of a weekly one.
    week         date,
    -- What the driver receives, what it costs (its tax included), and the cash commission that was settled before it.
    amount_rwf   bigint      NOT NULL CHECK (amount_rwf > 0),
    fee_rwf      bigint      NOT NULL CHECK (fee_rwf >= 0),
    tax_rwf      bigint      NOT NULL CHECK (tax_rwf BETWEEN 0 AND fee_rwf),
    netted_rwf   bigint      NOT NULL CHECK (netted_rwf >= 0),
    provider     text        NOT NULL CHECK (provider IN ('mtn', 'airtel')),
    -- Of the wallet it was asked for: nothing is sent to another one.
    wallet_index bytea       NOT NULL,
    state        text        NOT NULL CHECK (state IN ('awaiting_approval', 'held', 'in_flight', 'paid', 'failed', 'cancelled',
                                                       'rejected')),
    -- Why not, in our words; and an admin's reason.
    failure      text,
    reason       text,
    -- The last order to the provider.
    attempt_id   uuid,
    requested_at timestamptz NOT NULL,
    decided_at   timestamptz,
    finished_at  timestamptz,
    CONSTRAINT payouts_week CHECK ((kind = 'weekly') = (week IS NOT NULL)),
    CONSTRAINT payouts_once_a_week UNIQUE (driver_id, week),
    CONSTRAINT payouts_finished CHECK ((state IN ('paid', 'failed', 'cancelled', 'rejected')) = (finished_at IS NOT NULL))
);
CREATE INDEX payouts_by_driver ON payouts (driver_id, requested_at DESC, id DESC);
CREATE INDEX payouts_by_time ON payouts (requested_at DESC, id DESC);
CREATE INDEX payouts_waiting ON payouts (state, requested_at) WHERE state IN ('awaiting_approval', 'held');

-- Who said yes to a large one: two different people.
CREATE TABLE payout_approvals (
    payout_id uuid        NOT NULL REFERENCES payouts,
    admin_id  uuid        NOT NULL REFERENCES users,
    at        timestamptz NOT NULL,
    PRIMARY KEY (payout_id, admin_id)
);

-- Money given back of what was collected.
CREATE TABLE refunds (
    id            uuid        PRIMARY KEY,
    -- The collection it is of.
    collection_id uuid        NOT NULL REFERENCES payment_attempts,
    intent_id     uuid        NOT NULL REFERENCES payment_intents,
    ride_id       uuid        NOT NULL REFERENCES rides,
    rider_id      uuid        NOT NULL REFERENCES users,
    driver_id     uuid        REFERENCES drivers,
    amount_rwf    bigint      NOT NULL CHECK (amount_rwf > 0),
    destination   text        NOT NULL CHECK (destination IN ('wallet', 'credit')),
    -- Who bears it.
    bearer        text        NOT NULL CHECK (bearer IN ('platform', 'driver')),
    reason        text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('proposed', 'in_flight', 'done', 'failed', 'rejected')),
    failure       text,
    attempt_id    uuid,
    -- How often a provider was asked: the second time as a payment of ours, where it does not take a refund.
    tries         integer     NOT NULL DEFAULT 0,
    proposed_by   uuid        NOT NULL REFERENCES users,
    proposed_at   timestamptz NOT NULL,
    decided_by    uuid        REFERENCES users,
    decided_at    timestamptz,
    decision      text,
    finished_at   timestamptz,
    CONSTRAINT refunds_four_eyes CHECK (decided_by IS DISTINCT FROM proposed_by),
    CONSTRAINT refunds_driver CHECK (bearer = 'platform' OR driver_id IS NOT NULL)
);
CREATE INDEX refunds_by_collection ON refunds (collection_id);
CREATE INDEX refunds_by_rider ON refunds (rider_id, proposed_at DESC, id DESC);
CREATE INDEX refunds_by_time ON refunds (proposed_at DESC, id DESC);

-- Francs given or taken by decision.
CREATE TABLE adjustments (
    id          uuid        PRIMARY KEY,
    account     text        NOT NULL CHECK (account IN ('rider_credit', 'driver_payable')),
    person_id   uuid        NOT NULL REFERENCES users,
    -- Positive gives to the person, negative takes.
    amount_rwf  bigint      NOT NULL CHECK (amount_rwf <> 0),
    reason      text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('proposed', 'done', 'rejected')),
    proposed_by uuid        NOT NULL REFERENCES users,
    proposed_at timestamptz NOT NULL,
    decided_by  uuid        REFERENCES users,
    decided_at  timestamptz,
    decision    text,
    CONSTRAINT adjustments_four_eyes CHECK (decided_by IS DISTINCT FROM proposed_by)
);
CREATE INDEX adjustments_by_time ON adjustments (proposed_at DESC, id DESC);

-- How often a person was asked for money within the hour.
CREATE INDEX payment_attempts_by_person ON payment_attempts (person_id, created_at DESC);
