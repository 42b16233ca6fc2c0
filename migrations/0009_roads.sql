-- The live side of the road map: streets that are shut, and what was learned of riding times. Owner: service `maps`.

CREATE TABLE road_closures (
    id         uuid        PRIMARY KEY,
    reason     text        NOT NULL,
    -- points: the street nearest to each; line: the streets along it; area: the streets in it. What was drawn is kept and
    -- not the arcs: those are numbers of one import of the map.
    drawing    text        NOT NULL CHECK (drawing IN ('points', 'line', 'area')),
    -- Only in the direction of the line.
    one_way    boolean     NOT NULL CHECK (NOT one_way OR drawing = 'line'),
    -- Of each place in order, ten-millionths of a degree.
    lats_e7    integer[]   NOT NULL,
    lngs_e7    integer[]   NOT NULL CHECK (cardinality(lngs_e7) = cardinality(lats_e7)),
    -- Arcs that it shut on the map of the day it was drawn; null without a map.
    arcs       integer,
    starts_at  timestamptz NOT NULL,
    -- Null: until it is lifted.
    ends_at    timestamptz CHECK (ends_at > starts_at),
    created_by uuid        NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    lifted_by  uuid        REFERENCES users,
    lifted_at  timestamptz,
    CONSTRAINT road_closures_lifted_by_somebody CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX road_closures_by_time ON road_closures (created_at DESC, id DESC);
-- Looked at every half minute.
CREATE INDEX road_closures_not_lifted ON road_closures (starts_at) WHERE lifted_at IS NULL;

-- Riding time of a street over its time as built: `src/road/evidence.rs` says what mean and weight are.
CREATE TABLE learned_speeds (
    subject     text        NOT NULL CHECK (subject IN ('arc', 'class')),
    -- Of an arc 64 bits of its shape, which outlive an import; of a class its number.
    key         bigint      NOT NULL,
    -- 0-23 weekdays, 24-47 Saturdays, 48-71 Sundays, 72 the whole week.
    hour        smallint    NOT NULL CHECK (hour BETWEEN 0 AND 72),
    mean        real        NOT NULL,
    weight      real        NOT NULL,
    -- Of the newest passage.
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (subject, key, hour)
);

-- Actual time of legs over the router's, by where and when.
CREATE TABLE learned_corrections (
    -- H3 cell of resolution 7; null: the city.
    cell        bigint,
    -- Hour of the week in Kigali, Monday first; null: the whole week.
    hour        smallint    CHECK (hour BETWEEN 0 AND 167),
    mean        real        NOT NULL,
    weight      real        NOT NULL,
    observed_at timestamptz NOT NULL,
    CONSTRAINT learned_corrections_unique UNIQUE NULLS NOT DISTINCT (cell, hour)
);
