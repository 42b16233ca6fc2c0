-- Promotions: codes with a budget, what of it is kept for which ride, and who invited whom. Owner: service `payments`.

CREATE TABLE promotions (
    id           uuid        PRIMARY KEY,
    -- As people type it, in capitals.
    code         text        NOT NULL CONSTRAINT promotions_code UNIQUE CHECK (code ~ '^[A-Z0-9]{3,20}$'),
    -- Either a share of the fare and the most that it may come to, or so many francs.
    share_basis_points integer CHECK (share_basis_points BETWEEN 1 AND 10000),
    cap_rwf      bigint      CHECK (cap_rwf > 0),
    flat_rwf     bigint      CHECK (flat_rwf > 0),
    -- `boda`, `delivery`; every one when empty.
    ride_types   text[]      NOT NULL DEFAULT '{}',
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL CHECK (valid_until > valid_from),
    new_riders_only boolean  NOT NULL,
    -- Shown to riders who did not ask for it.
    is_shown     boolean     NOT NULL,
    uses_per_rider integer   NOT NULL CHECK (uses_per_rider > 0),
    budget_rwf   bigint      NOT NULL CHECK (budget_rwf > 0),
    -- Of the budget, what is kept for rides under way and what was paid of rides that ended. Never more than it is: the
    -- database refuses, whatever the program believes.
    committed_rwf bigint     NOT NULL DEFAULT 0 CONSTRAINT promotions_within_budget CHECK (committed_rwf BETWEEN 0 AND budget_rwf),
    state        text        NOT NULL CHECK (state IN ('proposed', 'active', 'ended')),
    proposed_by  uuid        NOT NULL REFERENCES users,
    proposed_at  timestamptz NOT NULL,
    -- Null of one whose budget needs no second person.
    approved_by  uuid        REFERENCES users CONSTRAINT promotions_four_eyes CHECK (approved_by <> proposed_by),
    approved_at  timestamptz,
    ended_by     uuid        REFERENCES users,
    ended_at     timestamptz,
    end_reason   text,
    CONSTRAINT promotions_one_kind CHECK (num_nonnulls(share_basis_points, cap_rwf) IN (0, 2)
                                          AND (flat_rwf IS NULL) = (share_basis_points IS NOT NULL))
);
CREATE INDEX promotions_by_time ON promotions (proposed_at DESC, id DESC);

CREATE TABLE promotion_uses (
    id           uuid        PRIMARY KEY,
    promotion_id uuid        NOT NULL REFERENCES promotions,
    rider_id     uuid        NOT NULL REFERENCES users,
    -- Kept before the ride is written down, so it refers to nothing; what becomes of no ride is given back by a sweep.
    ride_id      uuid        NOT NULL CONSTRAINT promotion_uses_ride UNIQUE,
    reserved_rwf bigint      NOT NULL CHECK (reserved_rwf > 0),
    state        text        NOT NULL CHECK (state IN ('reserved', 'used', 'released')),
    -- What was paid of the fare at the end; the rest went back into the budget.
    used_rwf     bigint      NOT NULL DEFAULT 0 CHECK (used_rwf BETWEEN 0 AND reserved_rwf),
    reserved_at  timestamptz NOT NULL,
    closed_at    timestamptz,
    CONSTRAINT promotion_uses_closed CHECK ((state = 'reserved') = (closed_at IS NULL))
);
CREATE INDEX promotion_uses_by_rider ON promotion_uses (rider_id, promotion_id);
CREATE INDEX promotion_uses_open ON promotion_uses (reserved_at) WHERE state = 'reserved';

-- The code by which a rider invites others.
CREATE TABLE referral_codes (
    rider_id   uuid        PRIMARY KEY REFERENCES users,
    code       text        NOT NULL CONSTRAINT referral_codes_code UNIQUE,
    created_at timestamptz NOT NULL
);

-- Who was invited by whom. Somebody is invited once.
CREATE TABLE referrals (
    id          uuid        PRIMARY KEY,
    referee_id  uuid        NOT NULL REFERENCES users CONSTRAINT referrals_referee UNIQUE,
    referrer_id uuid        NOT NULL REFERENCES users,
    -- waiting: for the first paid ride. unfunded: the month's budget was spent by then.
    state       text        NOT NULL CHECK (state IN ('waiting', 'rewarded', 'unfunded')),
    -- What each of the two got.
    reward_rwf  bigint      NOT NULL DEFAULT 0 CHECK (reward_rwf >= 0),
    given_at    timestamptz NOT NULL,
    closed_at   timestamptz,
    CONSTRAINT referrals_of_two CHECK (referee_id <> referrer_id),
    CONSTRAINT referrals_closed CHECK ((state = 'waiting') = (closed_at IS NULL)),
    CONSTRAINT referrals_reward CHECK ((state = 'rewarded') = (reward_rwf > 0))
);
CREATE INDEX referrals_by_referrer ON referrals (referrer_id, given_at DESC);
CREATE INDEX referrals_waiting ON referrals (given_at) WHERE state = 'waiting';

-- What referrals cost in a month of Kigali's calendar.
CREATE TABLE referral_months (
    month     date   PRIMARY KEY,
    spent_rwf bigint NOT NULL CHECK (spent_rwf >= 0)
);
