-- Who waits at which stage, and what operators did with the queues. Owner: service `locations`.

-- The queues as they are, written behind the memory that has them: read at a start only.
CREATE TABLE stage_places (
    -- One place at most, whatever the program does.
    driver_id uuid        PRIMARY KEY REFERENCES users,
    stage_id  uuid        NOT NULL REFERENCES geofences,
    -- From 0, the head.
    place     integer     NOT NULL CHECK (place >= 0),
    joined_at timestamptz NOT NULL,
    -- Offers of the stage that were let pass in a row.
    declines  smallint    NOT NULL CHECK (declines >= 0),
    UNIQUE (stage_id, place)
);

-- A place is money: whoever moved a driver in a queue, or took the place, is named with the reason for good.
CREATE TABLE stage_overrides (
    id         uuid        PRIMARY KEY,
    stage_id   uuid        NOT NULL REFERENCES geofences,
    driver_id  uuid        NOT NULL REFERENCES users,
    from_place integer     NOT NULL CHECK (from_place >= 0),
    -- Null: the place was taken.
    to_place   integer     CHECK (to_place >= 0),
    reason     text        NOT NULL CHECK (reason <> ''),
    by_user    uuid        NOT NULL REFERENCES users,
    at         timestamptz NOT NULL
);
CREATE INDEX stage_overrides_by_stage ON stage_overrides (stage_id, at DESC, id DESC);
CREATE TRIGGER stage_overrides_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stage_overrides
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
