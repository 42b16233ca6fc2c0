-- Zones that admins draw on the map, and what drivers did with them. Owner: service `locations`.

CREATE TABLE geofences (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('airport', 'stage', 'no_go', 'high_risk', 'other')),
    -- The closed ring as GeoJSON writes it: [[lng, lat], ...].
    outline    jsonb       NOT NULL,
    -- What the admin's own programs keep with it: an object that means nothing to us.
    data       jsonb       NOT NULL,
    -- Counts the changes, from 1.
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by uuid        NOT NULL REFERENCES users,
    -- Kept when removed: its events are still read.
    removed_at timestamptz
);
CREATE INDEX geofences_in_force ON geofences (created_at DESC, id DESC) WHERE removed_at IS NULL;

-- Who changed what: each version as it was. `removed` repeats the last one.
CREATE TABLE geofence_changes (
    geofence_id uuid        NOT NULL REFERENCES geofences,
    version     integer     NOT NULL,
    what        text        NOT NULL CHECK (what IN ('created', 'changed', 'removed')),
    by_user     uuid        NOT NULL REFERENCES users,
    at          timestamptz NOT NULL,
    name        text        NOT NULL,
    kind        text        NOT NULL,
    outline     jsonb       NOT NULL,
    data        jsonb       NOT NULL,
    PRIMARY KEY (geofence_id, version)
);
CREATE TRIGGER geofence_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON geofence_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE geofence_events (
    id          uuid        PRIMARY KEY,
    -- Without references: they would be looked up for each row, and no row outlives the retention.
    geofence_id uuid        NOT NULL,
    driver_id   uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('enter', 'dwell', 'exit')),
    at          timestamptz NOT NULL
);
CREATE INDEX geofence_events_by_zone ON geofence_events (geofence_id, at DESC, id DESC);
-- For forgetting what is too old.
CREATE INDEX geofence_events_by_time ON geofence_events USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
