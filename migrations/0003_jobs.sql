-- Durable jobs, written in the same transaction as the fact that causes them. Owner: `jobs`.

CREATE TABLE jobs (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL,
    payload     jsonb       NOT NULL,
    -- At most one job for one cause, for ever.
    dedupe_key  text        CONSTRAINT jobs_dedupe UNIQUE,
    state       text        NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done', 'dead')),
    run_at      timestamptz NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    attempts_max integer    NOT NULL,
    leased_until timestamptz,
    leased_by   text,
    last_error  text,
    -- The request that caused the job: the same id in its log lines.
    request_id  text,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('ready', 'leased');
CREATE INDEX jobs_by_state ON jobs (state, created_at DESC);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state = 'done';

-- Wake the workers at once; they poll as well, so a lost notification costs a second, not a job.
CREATE FUNCTION jobs_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('boda_jobs', '');
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION jobs_wake();
