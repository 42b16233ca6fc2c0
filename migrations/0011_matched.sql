-- How far a ride went along the streets it took. Owner: service `rides`. Null without a map, before the end, and where the
-- program was started anew during the ride.

ALTER TABLE rides ADD COLUMN matched_distance_m integer CHECK (matched_distance_m >= 0);
