-- Turns lock their rollout first and write audit rows then: the same order, so that this waits and does not deadlock.
LOCK TABLE rollout, audit IN ACCESS EXCLUSIVE MODE;

-- Rows that belong to no rollout name what they are about. Of a rollout's rows it is the rollout's id.
ALTER TABLE audit ADD COLUMN subject text COLLATE "C" GENERATED ALWAYS AS (rollout_id) STORED;
ALTER TABLE audit ALTER COLUMN subject DROP EXPRESSION, ALTER COLUMN subject SET NOT NULL;

-- No foreign key: every partition that comes or goes would lock `rollout`, and with it every turn. Rollouts are kept
-- by a trigger instead.
ALTER TABLE audit
  DROP CONSTRAINT audit_pkey,
  DROP CONSTRAINT audit_number_key,
  DROP CONSTRAINT audit_rollout_id_fkey,
  DROP CONSTRAINT audit_seq_check;
ALTER TABLE audit
  ALTER COLUMN rollout_id DROP NOT NULL,
  ALTER COLUMN number DROP IDENTITY,
  ADD CONSTRAINT audit_subject_is_its_rollout CHECK (subject <> '' AND (rollout_id IS NULL OR subject = rollout_id)),
  ADD CONSTRAINT audit_seq_counts_within_a_rollout CHECK (seq >= 0 AND (rollout_id IS NULL OR seq >= 1));

-- Not an identity column: PostgreSQL 15 has none on partitioned tables.
CREATE SEQUENCE audit_number;
SELECT setval('audit_number', max(number)) FROM audit;
ALTER TABLE audit ALTER COLUMN number SET DEFAULT nextval('audit_number');

-- What is there stays where it is and becomes the first partition.
DROP INDEX audit_by_time;
ALTER TABLE audit RENAME TO audit_first;
CREATE TABLE audit (LIKE audit_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (at);
ALTER SEQUENCE audit_number OWNED BY audit.number;

-- Unique within a partition is enough: `seq` is raised under the rollout's row lock, `number` comes from one sequence.
CREATE UNIQUE INDEX ON audit_first (rollout_id, seq);
CREATE UNIQUE INDEX ON audit_first (number);
CREATE INDEX ON audit_first (at);
CREATE INDEX ON audit_first (subject, number);

-- An insert never fails because nobody made the next month in time. Months are made in its image.
CREATE TABLE audit_default (LIKE audit_first INCLUDING ALL);

DO $$
DECLARE
  newest timestamptz := (SELECT max(at) FROM audit_first);
  next_month timestamp := date_trunc('month', greatest(now(), newest) AT TIME ZONE 'UTC') + interval '1 month';
BEGIN
  EXECUTE format(
    'ALTER TABLE audit ATTACH PARTITION audit_first FOR VALUES FROM (MINVALUE) TO (%L)', next_month AT TIME ZONE 'UTC'
  );
END
$$;
ALTER TABLE audit ATTACH PARTITION audit_default DEFAULT;

-- A trigger per statement holds only for the table that the statement names: each partition has its own.
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_default
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- A version from before this change may run beside this one, and knows no subject.
CREATE FUNCTION audit_names_its_subject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.subject := coalesce(NEW.subject, NEW.rollout_id);
  RETURN NEW;
END
$$;
CREATE TRIGGER audit_names_its_subject BEFORE INSERT ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_names_its_subject();

CREATE FUNCTION rollout_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rollouts are kept for their audit rows: % is denied', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER rollout_is_kept BEFORE DELETE OR TRUNCATE ON rollout
  FOR EACH STATEMENT EXECUTE FUNCTION rollout_is_kept();
