-- When a callback last spoke of an attempt: one that comes while the answer to the order is still on its way must not be
-- forgotten when that answer is written down. Owner: service `payments`.
ALTER TABLE payment_attempts ADD COLUMN hinted_at timestamptz;
