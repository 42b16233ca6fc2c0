-- Money that moves: intents (what is owed), attempts (what a provider was asked), captures (what was paid), cases (what a
-- person must look at). Owner: service `payments`.

-- What somebody owes for a ride. Paid by captures until `paid_rwf` is `amount_rwf`.
CREATE TABLE payment_intents (
    id           uuid        PRIMARY KEY,
    purpose      text        NOT NULL CHECK (purpose IN ('ride', 'cancellation', 'tip')),
    ride_id      uuid        NOT NULL REFERENCES rides,
    payer_id     uuid        NOT NULL REFERENCES users,
    driver_id    uuid        REFERENCES drivers,
    amount_rwf   bigint      NOT NULL CHECK (amount_rwf > 0),
    -- Of the amount, when all of it is paid: the driver's, and the platform's with its tax; together the amount.
    driver_rwf   bigint      NOT NULL CHECK (driver_rwf >= 0),
    platform_rwf bigint      NOT NULL CHECK (platform_rwf >= 0),
    tax_rwf      bigint      NOT NULL CHECK (tax_rwf BETWEEN 0 AND platform_rwf),
    paid_rwf     bigint      NOT NULL DEFAULT 0 CHECK (paid_rwf BETWEEN 0 AND amount_rwf),
    -- requires_payment: nobody is asked now. processing: a provider is. cash_due: the driver is to collect the rest.
    state        text        NOT NULL CHECK (state IN ('requires_payment', 'processing', 'cash_due', 'succeeded', 'cancelled')),
    -- How the payer wants to pay: see payments/method.rs.
    method       text        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    succeeded_at timestamptz,
    CONSTRAINT payment_intents_split CHECK (driver_rwf + platform_rwf = amount_rwf),
    CONSTRAINT payment_intents_once UNIQUE (ride_id, purpose),
    CONSTRAINT payment_intents_paid CHECK ((state = 'succeeded') = (paid_rwf = amount_rwf))
);
CREATE INDEX payment_intents_open ON payment_intents (payer_id, created_at)
    WHERE state IN ('requires_payment', 'processing', 'cash_due');
CREATE INDEX payment_intents_by_payer ON payment_intents (payer_id, created_at DESC, id DESC);

-- One order to a provider, under a reference that is ours and is stored before the first byte leaves. The row is the queue
-- too: `next_at` is when somebody must look at it.
CREATE TABLE payment_attempts (
    -- A random UUID: the reference at MTN, and written without dashes at Airtel.
    id            uuid        PRIMARY KEY,
    operation     text        NOT NULL CHECK (operation IN ('collection', 'refund', 'payout')),
    provider      text        NOT NULL CHECK (provider IN ('mtn', 'airtel', 'card')),
    -- What it is for: an intent, a refund or a payout.
    subject_id    uuid        NOT NULL,
    -- Whose wallet.
    person_id     uuid        NOT NULL REFERENCES users,
    amount_rwf    bigint      NOT NULL CHECK (amount_rwf > 0),
    -- The wallet's number, sealed, and its blind index; null of cards.
    wallet_sealed bytea,
    wallet_index  bytea,
    -- Of a refund: what it gives back.
    refunds_id    uuid        REFERENCES payment_attempts,
    state         text        NOT NULL CHECK (state IN ('prepared', 'submitting', 'pending', 'unresolved', 'succeeded', 'failed',
                                                        'rejected', 'integrity_failure')),
    -- Where it was sent: a transaction can be read only there.
    base_url      text        NOT NULL,
    -- Nobody who is not told can guess it: the path of the callback.
    callback_token text       NOT NULL UNIQUE,
    -- The provider's own name of it, once it said one.
    provider_reference text,
    -- Where the payer is sent, of a hosted page.
    page_url      text,
    -- No answer came to the order, so it may or may not have been taken.
    is_submit_unknown boolean NOT NULL DEFAULT false,
    -- Why not, in our words (payments/providers/failure.rs) and in theirs.
    failure       text,
    provider_code text,
    created_at    timestamptz NOT NULL,
    -- When the first byte may have left.
    requested_at  timestamptz,
    submitted_at  timestamptz,
    finished_at   timestamptz,
    -- When it is to be looked at next; null once nothing can change any more.
    next_at       timestamptz,
    polled_at     timestamptz,
    polls         integer     NOT NULL DEFAULT 0,
    -- "Not found" answers in a row, and when they began.
    misses        integer     NOT NULL DEFAULT 0,
    missed_since  timestamptz,
    -- Who looks at it now, and until when nobody else may.
    leased_by     uuid,
    leased_until  timestamptz
);
CREATE INDEX payment_attempts_due ON payment_attempts (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX payment_attempts_by_subject ON payment_attempts (subject_id, created_at);
CREATE INDEX payment_attempts_by_time ON payment_attempts (created_at DESC, id DESC);
CREATE INDEX payment_attempts_by_reference ON payment_attempts (provider, provider_reference)
    WHERE provider_reference IS NOT NULL;
-- A new order is legal only after the former one is known to be over.
CREATE UNIQUE INDEX payment_attempts_one_open ON payment_attempts (subject_id)
    WHERE state IN ('prepared', 'submitting', 'pending', 'unresolved', 'integrity_failure');

-- What paid an intent, piece by piece.
CREATE TABLE payment_captures (
    id         uuid        PRIMARY KEY,
    intent_id  uuid        NOT NULL REFERENCES payment_intents,
    tender     text        NOT NULL CHECK (tender IN ('cash', 'mtn', 'airtel', 'card', 'credit', 'promotion')),
    -- Counted for the intent, and what went to the rider's credit because nothing was owed any more.
    amount_rwf bigint      NOT NULL CHECK (amount_rwf >= 0),
    surplus_rwf bigint     NOT NULL DEFAULT 0 CHECK (surplus_rwf >= 0),
    attempt_id uuid        UNIQUE REFERENCES payment_attempts,
    at         timestamptz NOT NULL,
    CONSTRAINT payment_captures_something CHECK (amount_rwf + surplus_rwf > 0),
    CONSTRAINT payment_captures_of_provider CHECK ((tender IN ('mtn', 'airtel', 'card')) = (attempt_id IS NOT NULL))
);
CREATE INDEX payment_captures_by_intent ON payment_captures (intent_id, at);

-- What only a person can settle: money that nobody knows, patterns that look wrong, fares that are disputed.
CREATE TABLE money_cases (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL,
    -- What it is about, so that one thing is one case: 'attempt:UUID', 'statement:mtn:REFERENCE'.
    cause       text        NOT NULL CONSTRAINT money_cases_cause UNIQUE,
    severity    text        NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    person_id   uuid        REFERENCES users,
    ride_id     uuid        REFERENCES rides,
    attempt_id  uuid        REFERENCES payment_attempts,
    amount_rwf  bigint      NOT NULL DEFAULT 0,
    -- What was found, in the platform's words: codes and amounts, nothing personal.
    detail      jsonb       NOT NULL DEFAULT '{}',
    state       text        NOT NULL CHECK (state IN ('open', 'taken', 'resolved')),
    owner_id    uuid        REFERENCES users,
    resolution  text,
    reason      text,
    opened_at   timestamptz NOT NULL,
    taken_at    timestamptz,
    resolved_at timestamptz
);
CREATE INDEX money_cases_open ON money_cases (opened_at, id) WHERE state <> 'resolved';
CREATE INDEX money_cases_by_time ON money_cases (opened_at DESC, id DESC);

-- More accounts: see the chart in payments/mod.rs.
ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_kind_check;
ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_kind_check CHECK (kind IN (
    'driver_cash', 'driver_payable', 'rider_credit', 'mtn_collection', 'mtn_disbursement', 'airtel_collection',
    'airtel_disbursement', 'card_collection', 'commission_income', 'payout_fee_income', 'tax_payable', 'provider_fees',
    'promotions', 'adjustments', 'suspense', 'refunds_in_flight', 'payouts_in_flight'));
ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_owned;
ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_owned
    CHECK ((kind LIKE 'driver\_%' OR kind = 'rider_credit') = (owner_id IS NOT NULL));

-- What a ride's payer chose besides the method: see payments/plan.rs. Written at booking.
ALTER TABLE rides ADD COLUMN payment_plan jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payment_plan) = 'object');
