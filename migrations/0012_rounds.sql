-- Rides that change drivers, that wait for their time, and that a driver takes before the one before it is over.
-- Owner: service `rides`.

-- The driver finishes another ride first.
ALTER TABLE rides ADD COLUMN is_next boolean NOT NULL DEFAULT false;

ALTER TABLE rides DROP CONSTRAINT rides_status_check;
ALTER TABLE rides ADD CONSTRAINT rides_status_check CHECK (status IN ('scheduled', 'requested', 'driver_assigned',
    'driver_arrived', 'in_progress', 'completed', 'cancelled_by_customer', 'cancelled_by_driver', 'cancelled_by_system',
    'no_driver_found'));
-- Only who has it can have it next; not of rides that are older than this.
ALTER TABLE rides ADD CONSTRAINT rides_next_has_driver
    CHECK (NOT is_next OR (driver_id IS NOT NULL AND status = 'driver_assigned'));
-- While it waits it has no driver, after a release too.
ALTER TABLE rides ADD CONSTRAINT rides_waiting_without_driver
    CHECK (status NOT IN ('scheduled', 'requested') OR driver_id IS NULL);

-- A driver has one ride under way, and one after it.
DROP INDEX rides_one_live_per_driver;
CREATE UNIQUE INDEX rides_one_live_per_driver ON rides (driver_id)
    WHERE status IN ('driver_assigned', 'driver_arrived', 'in_progress') AND NOT is_next;
CREATE UNIQUE INDEX rides_one_next_per_driver ON rides (driver_id) WHERE is_next;
-- A ride for later does not keep its rider from riding now: it is not among those of `rides_one_live_per_rider`. But it is
-- restored.
DROP INDEX rides_live;
CREATE INDEX rides_live ON rides (requested_at)
    WHERE status IN ('scheduled', 'requested', 'driver_assigned', 'driver_arrived', 'in_progress');

ALTER TABLE offers DROP CONSTRAINT offers_outcome_check;
ALTER TABLE offers ADD CONSTRAINT offers_outcome_check CHECK (outcome IN ('accepted', 'declined', 'expired', 'driver_lost',
    'cancelled', 'withdrawn', 'taken'));
