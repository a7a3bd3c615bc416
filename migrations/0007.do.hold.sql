-- The kill switch: while a hold is open nothing goes forward in its scope.
CREATE TABLE hold (
  id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^ho_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
  -- Null is every cluster, every namespace.
  cluster text CHECK (cluster <> ''),
  namespace text CHECK (namespace <> ''),
  reason text,
  by_kind text NOT NULL CHECK (by_kind IN ('person', 'machine', 'canaryd')),
  by_name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lifted_at timestamptz,
  lifted_by_kind text CHECK (lifted_by_kind IN ('person', 'machine', 'canaryd')),
  lifted_by_name text,
  CONSTRAINT hold_is_lifted_by_somebody CHECK (
    (lifted_at IS NULL) = (lifted_by_kind IS NULL) AND (lifted_at IS NULL) = (lifted_by_name IS NULL)
  )
);
CREATE UNIQUE INDEX hold_open ON hold (cluster, namespace) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
