-- Where drivers on shift were: packed per driver and minute, kept for `history.retention_days`. Owner: service `locations`,
-- whose writer makes a partition for each day ahead of time and drops those that are too old. Forgetting costs nothing: a day is a file.
--
-- There is no partition for everything else: a row of a day that is not to be kept is refused, not kept for ever.
-- Days are those of UTC: they end at 02:00 in Kigali, when the fewest rides are on the road, and need no calendar.

CREATE TABLE position_segments (
    -- Without a reference to drivers: it would be looked up for each row, and no row outlives the retention.
    driver_id uuid    NOT NULL,
    -- Minutes since 1970 UTC; four bytes. A minute can have two segments of a driver (one began late, or a batch was written
    -- again because the answer to the first was lost): who reads puts points together by their instant.
    minute    integer NOT NULL,
    -- `src/locations/history/segment.rs` says what is in it.
    points    bytea   NOT NULL
) PARTITION BY RANGE (minute);
-- A ride reads some twenty minutes of one driver: the rows of the driver that are on the pages of those minutes. Two small
-- indexes instead of one on (driver_id, minute), measured with 960,000 rows: 10 bytes a row instead of 68, because a driver's
-- many rows share one key, and a read of 21 minutes touches 35 pages instead of 25.
CREATE INDEX position_segments_by_driver ON position_segments (driver_id);
CREATE INDEX position_segments_by_minute ON position_segments USING brin (minute)
    WITH (pages_per_range = 32, autosummarize = on);
