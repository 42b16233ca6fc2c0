-- Notifications to people and incidents reported by them. Owners: `notifications`, `safety`.

CREATE TABLE notifications (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users,
    channel    text        NOT NULL CHECK (channel IN ('sms', 'in_app')),
    -- Which template; the rendered text is kept only where it holds no secret.
    key        text        NOT NULL,
    text       text,
    status     text        NOT NULL CHECK (status IN ('pending', 'sent', 'delivered', 'read', 'failed')),
    provider   text,
    provider_message_id text,
    failure    text,
    attempts   integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    sent_at    timestamptz,
    read_at    timestamptz
);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at DESC);

CREATE TABLE incidents (
    id          uuid        PRIMARY KEY,
    reporter_id uuid        NOT NULL REFERENCES users,
    ride_id     uuid        REFERENCES rides,
    kind        text        NOT NULL CHECK (kind IN ('accident', 'theft', 'harassment', 'breakdown', 'medical', 'other')),
    severity    text        NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    state       text        NOT NULL CHECK (state IN ('reported', 'investigating', 'resolved', 'closed')),
    description text        NOT NULL,
    lat         double precision,
    lng         double precision,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (created_at DESC, id DESC);
CREATE INDEX incidents_by_reporter ON incidents (reporter_id, created_at DESC);
