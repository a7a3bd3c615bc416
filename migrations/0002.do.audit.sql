CREATE TABLE audit (
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  rollout_id text COLLATE "C" NOT NULL REFERENCES rollout (id),
  seq bigint NOT NULL CHECK (seq >= 1),
  at timestamptz NOT NULL,
  type text NOT NULL CHECK (type <> ''),
  actor_kind text NOT NULL CHECK (actor_kind IN ('person', 'machine', 'canaryd')),
  actor_name text NOT NULL,
  message text NOT NULL,
  -- JSON kept as text: jsonb would reorder keys and rewrite numbers, and no hash over it would hold.
  facts text NOT NULL,
  PRIMARY KEY (rollout_id, seq)
);
CREATE INDEX audit_by_time ON audit (at);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % is denied', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
-- Per statement, so that even one that matches no row is denied.
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
