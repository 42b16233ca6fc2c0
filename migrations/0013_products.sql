-- What a ride is beyond "now, from here to there". Owner: service `rides`.

-- A scheduled ride: when the rider wants to be picked up, from when on a driver is looked for, and the promised window. All
-- or none; as promised at booking, whatever the configuration says later.
ALTER TABLE rides ADD COLUMN pickup_at timestamptz;
ALTER TABLE rides ADD COLUMN search_from timestamptz;
ALTER TABLE rides ADD COLUMN promised_from timestamptz;
ALTER TABLE rides ADD COLUMN promised_to timestamptz;
ALTER TABLE rides ADD CONSTRAINT rides_scheduled_whole
    CHECK (num_nonnulls(pickup_at, search_from, promised_from, promised_to) IN (0, 4));
-- Stops between pickup and destination, in order: an array of objects, see rides/product/record.rs. With names and
-- telephones of people without an account until some days after the ride.
ALTER TABLE rides ADD COLUMN stops jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(stops) = 'array');
-- What a delivery carries: one object, with sender, receiver and the hand-over PIN. The same holds for its people.
ALTER TABLE rides ADD COLUMN parcel jsonb CHECK (jsonb_typeof(parcel) = 'object');
ALTER TABLE rides ADD CONSTRAINT rides_parcel_of_delivery CHECK ((ride_type = 'delivery') = (parcel IS NOT NULL));
-- What is paid for being served first, as a share of the fare; null unless it is express.
ALTER TABLE rides ADD COLUMN express_basis_points integer CHECK (express_basis_points >= 0);

-- Whose contacts are to be forgotten: few rows, because it is emptied every day.
ALTER TABLE rides ADD COLUMN has_contacts boolean NOT NULL DEFAULT false;
CREATE INDEX rides_with_contacts ON rides (ended_at) WHERE has_contacts AND ended_at IS NOT NULL;
-- A rider's rides to come.
CREATE INDEX rides_scheduled_by_rider ON rides (rider_id, pickup_at) WHERE pickup_at IS NOT NULL AND ended_at IS NULL;

-- What was quoted: the same journey at the same time, or it is another price.
ALTER TABLE quotes ADD COLUMN stops jsonb NOT NULL DEFAULT '[]';
ALTER TABLE quotes ADD COLUMN pickup_at timestamptz;
ALTER TABLE quotes ADD COLUMN express_basis_points integer CHECK (express_basis_points >= 0);
