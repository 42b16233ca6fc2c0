-- A refusal is written also when the number that was called from is nobody's yet.
ALTER TABLE agent_actions ALTER COLUMN rider_id DROP NOT NULL;
