-- The city's stream of control messages: where each decision stands in it, so that a restart can tell again what was told.
-- Owner: service `rides`.

-- Place of the decision in the city's stream: strictly growing, about at_ms * 1024. Null in rows older than the stream.
ALTER TABLE ride_events ADD COLUMN stream_seq bigint
    CONSTRAINT ride_events_positive_stream_seq CHECK (stream_seq > 0);
-- Asked of new rows only.
ALTER TABLE ride_events ADD CONSTRAINT ride_events_have_stream_seq CHECK (stream_seq IS NOT NULL) NOT VALID;
-- Everything after a place; unique, because two owners of one city would tell two streams as one.
CREATE UNIQUE INDEX ride_events_by_stream_seq ON ride_events (stream_seq);

-- One life of the stream: places of two epochs cannot be compared. Made with the table, that is at the first start.
CREATE TABLE city_stream (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    uuid    NOT NULL
);
INSERT INTO city_stream (epoch) VALUES (gen_random_uuid());
