-- Alerts that an Alertmanager sent. The same alert is sent again and again, by each of its replicas: one row for each.
CREATE TABLE alert (
  cluster text COLLATE "C" NOT NULL CHECK (cluster <> ''),
  fingerprint text COLLATE "C" NOT NULL CHECK (fingerprint <> ''),
  starts_at timestamptz NOT NULL,
  labels jsonb NOT NULL,
  -- Null while it fires.
  ends_at timestamptz,
  -- Whose token sent it first.
  by_kind text NOT NULL CHECK (by_kind IN ('person', 'machine', 'canaryd')),
  by_name text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (cluster, fingerprint, starts_at)
);
CREATE INDEX alert_open ON alert (cluster, seen_at) WHERE ends_at IS NULL;
