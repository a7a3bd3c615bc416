-- What constraints and queries need is taken out of the document by the database itself, so that the two cannot differ.
CREATE TABLE rollout (
  id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^ro_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
  document jsonb NOT NULL CONSTRAINT rollout_document_is_its_own CHECK (document ->> 'id' = id),
  cluster text NOT NULL GENERATED ALWAYS AS (document #>> '{target,cluster}') STORED,
  namespace text NOT NULL GENERATED ALWAYS AS (document #>> '{target,namespace}') STORED,
  virtual_service text NOT NULL GENERATED ALWAYS AS (document #>> '{target,virtualService}') STORED,
  route text NOT NULL GENERATED ALWAYS AS (document #>> '{target,route}') STORED,
  requested_by text NOT NULL GENERATED ALWAYS AS (document #>> '{requestedBy,name}') STORED,
  revision bigint NOT NULL GENERATED ALWAYS AS ((document ->> 'revision')::bigint) STORED,
  created_at timestamptz NOT NULL
    GENERATED ALWAYS AS (to_timestamp((document ->> 'createdAt')::double precision / 1000)) STORED,
  status text NOT NULL CHECK (status IN (
    'preflight', 'running', 'promoting', 'holding', 'paused', 'rolling_back',
    'succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'
  )),
  epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  lease_owner text,
  lease_until timestamptz,
  next_at timestamptz,
  ended_at timestamptz,
  -- The newest audit row's seq: raised under the row's lock, so that the numbers have no gaps.
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  CONSTRAINT rollout_lease_is_whole CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
  CONSTRAINT rollout_is_due_or_ended CHECK ((ended_at IS NULL) = (next_at IS NOT NULL)),
  CONSTRAINT rollout_end_holds_no_lease CHECK (ended_at IS NULL OR lease_owner IS NULL),
  CONSTRAINT rollout_ends_in_a_terminal_state CHECK (
    (ended_at IS NOT NULL)
    = (status IN ('succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'))
  )
);

-- Annotations are per object, hence one live rollout per VirtualService.
CREATE UNIQUE INDEX rollout_live ON rollout (cluster, namespace, virtual_service) WHERE ended_at IS NULL;
CREATE INDEX rollout_due ON rollout (next_at) WHERE ended_at IS NULL;
CREATE INDEX rollout_by_target ON rollout (namespace, virtual_service, id DESC);
CREATE INDEX rollout_by_status ON rollout (status, id DESC);

CREATE FUNCTION rollout_stays_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.status <> OLD.status THEN
    RAISE EXCEPTION 'rollout % has ended and never reopens', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER rollout_stays_ended BEFORE UPDATE ON rollout
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION rollout_stays_ended();
