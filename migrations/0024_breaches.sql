-- Breaches of personal data and what the law asks for after one (058/2021, articles 43 to 45). Owner: `privacy::breaches`.

CREATE TABLE breaches (
    id            uuid        PRIMARY KEY,
    -- When we knew: both clocks run from here.
    aware_at      timestamptz NOT NULL,
    nature        text        NOT NULL,
    categories    text[]      NOT NULL,
    people        bigint      NOT NULL CHECK (people >= 0),
    records       bigint      NOT NULL CHECK (records >= 0),
    consequences  text        NOT NULL,
    measures      text        NOT NULL,
    plan          text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('open', 'notified', 'reported', 'closed')),
    notified_at   timestamptz,
    reported_at   timestamptz,
    closed_at     timestamptz,
    -- Whether the people concerned are informed, and on what ground (or by which exception not). Null: not decided yet.
    inform        text        CHECK (inform IN ('high_risk', 'not_high_risk', 'strong_measures', 'later_mitigation', 'public_notice')),
    inform_reason text,
    recorded_at   timestamptz NOT NULL,
    recorded_by   uuid        NOT NULL,
    CHECK ((notified_at IS NOT NULL) = (state <> 'open')),
    CHECK ((reported_at IS NOT NULL) = (state IN ('reported', 'closed'))),
    CHECK ((closed_at IS NOT NULL) = (state = 'closed'))
);
CREATE INDEX breaches_by_time ON breaches (recorded_at DESC, id DESC);
