-- Which VirtualServices a rollout moves. `is_held`: it moves them now, so that no other may. Rollouts that ended before
-- this table was made are not in it; they moved one VirtualService each, which their own columns name.
CREATE TABLE rollout_object (
  rollout_id text COLLATE "C" NOT NULL REFERENCES rollout (id),
  cluster text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  virtual_service text COLLATE "C" NOT NULL,
  is_held boolean NOT NULL,
  PRIMARY KEY (rollout_id, cluster, namespace, virtual_service)
);
CREATE UNIQUE INDEX rollout_object_held ON rollout_object (cluster, namespace, virtual_service) WHERE is_held;
CREATE INDEX rollout_object_by_name ON rollout_object (namespace, virtual_service);

-- By triggers, so that no statement of any version takes a rollout and forgets what it holds, or ends it and keeps that.
-- In sorted order: two that want the same VirtualServices meet at the first of them and never wait for each other.
CREATE FUNCTION rollout_tells_its_objects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollout_object (rollout_id, cluster, namespace, virtual_service, is_held)
  SELECT NEW.id, NEW.cluster, namespace, virtual_service, NEW.ended_at IS NULL AND NEW.status <> 'scheduled'
  FROM (
    SELECT NEW.namespace, NEW.virtual_service
    UNION
    SELECT coalesce(also ->> 'namespace', NEW.namespace), also ->> 'virtualService'
    FROM jsonb_path_query(NEW.document, '$.target.also[*]') AS also
  ) AS moved (namespace, virtual_service)
  ORDER BY namespace COLLATE "C", virtual_service COLLATE "C"
  ON CONFLICT (rollout_id, cluster, namespace, virtual_service) DO UPDATE SET is_held = EXCLUDED.is_held;
  RETURN NULL;
END
$$;
CREATE TRIGGER rollout_tells_its_objects AFTER INSERT ON rollout
  FOR EACH ROW EXECUTE FUNCTION rollout_tells_its_objects();
CREATE TRIGGER rollout_holds_or_leaves_its_objects AFTER UPDATE ON rollout FOR EACH ROW
  WHEN ((OLD.status = 'scheduled' AND NEW.status <> 'scheduled') OR (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL))
  EXECUTE FUNCTION rollout_tells_its_objects();

-- The triggers keep writers out until this is committed: no rollout is missed. Old ones are left to their columns.
INSERT INTO rollout_object (rollout_id, cluster, namespace, virtual_service, is_held)
SELECT id, cluster, namespace, virtual_service, status <> 'scheduled' FROM rollout WHERE ended_at IS NULL;
