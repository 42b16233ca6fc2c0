-- Why a ride went to whom: what each round weighed for it, kept for `decisions.retention_days`. Owner: service `rides`.
--
-- Written in the transaction of the offer that came of the round, so that there is no offer whose reasons are lost, and none
-- whose reasons are told that was never made.

CREATE TABLE ride_decisions (
    -- Without references: each row would look up its ride and two drivers, and none outlives the retention.
    ride_id    uuid        NOT NULL,
    -- Counting from 1, of the rounds that said something new about the ride.
    round      smallint    NOT NULL CHECK (round > 0),
    at         timestamptz NOT NULL,
    trigger    text        NOT NULL,
    means      text        NOT NULL,
    certified  boolean     NOT NULL,
    waited_ms  bigint      NOT NULL,
    -- What it would have cost to let the ride wait, and what the ride had to pay for, in milliseconds of pickup time.
    unassigned_ms bigint   NOT NULL,
    price_ms   bigint      NOT NULL,
    -- Who got the offer, who would have been next, and which offer it was.
    chosen     uuid,
    runner_up  uuid,
    offer      integer,
    -- Who was weighed, and by which parts: `src/rides/decisions/packed.rs` says how. Ten drivers are some 350 bytes; as
    -- columns of a table of their own they would be ten rows.
    considered bytea       NOT NULL,
    PRIMARY KEY (ride_id, round)
);
-- Rows come in the order of their time: ranges of pages are enough to find an hour, and to find what is too old.
CREATE INDEX ride_decisions_by_time ON ride_decisions USING brin (at) WITH (pages_per_range = 16, autosummarize = on);
