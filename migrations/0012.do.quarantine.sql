-- How a rollout's turns have failed of late. A version that knows none of this leaves the defaults as they are.
ALTER TABLE rollout
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  ADD COLUMN last_failure text,
  ADD COLUMN quarantined_at timestamptz;
CREATE INDEX rollout_quarantined ON rollout (quarantined_at) WHERE quarantined_at IS NOT NULL;
