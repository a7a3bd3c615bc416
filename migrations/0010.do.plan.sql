-- Versions are added and never changed: a rollout that names one can always be explained.
CREATE TABLE plan (
  name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' AND name <> 'inline'),
  -- With the primary key this is what lets only one of two writers win.
  version integer NOT NULL CHECK (version >= 1),
  document jsonb NOT NULL CONSTRAINT plan_document_is_its_own CHECK (document ->> 'name' = name),
  digest text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_kind text NOT NULL CHECK (actor_kind IN ('person', 'machine', 'canaryd')),
  actor_name text NOT NULL CHECK (actor_name <> ''),
  PRIMARY KEY (name, version)
);

CREATE FUNCTION plan_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'versions of plans are append-only: % is denied', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER plan_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON plan
  FOR EACH STATEMENT EXECUTE FUNCTION plan_is_append_only();

-- The last rollout of each route, for the list of targets.
CREATE INDEX rollout_by_route ON rollout (cluster, namespace, virtual_service, route, id DESC);
