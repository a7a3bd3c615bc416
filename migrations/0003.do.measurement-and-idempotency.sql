CREATE TABLE measurement (
  rollout_id text COLLATE "C" NOT NULL REFERENCES rollout (id),
  at timestamptz NOT NULL,
  payload jsonb NOT NULL,
  PRIMARY KEY (rollout_id, at)
);

CREATE TABLE idempotency (
  principal text NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
  status integer NOT NULL CHECK (status BETWEEN 100 AND 599),
  body text NOT NULL,
  rollout_id text COLLATE "C" REFERENCES rollout (id),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (principal, method, path, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
