-- As with the audit log: what is there becomes the first partition, and no foreign key ties a month to `rollout`.
LOCK TABLE rollout, measurement IN ACCESS EXCLUSIVE MODE;
ALTER TABLE measurement DROP CONSTRAINT measurement_rollout_id_fkey;
ALTER TABLE measurement RENAME TO measurement_first;
ALTER TABLE measurement_first RENAME CONSTRAINT measurement_pkey TO measurement_first_pkey;
CREATE TABLE measurement (LIKE measurement_first, PRIMARY KEY (rollout_id, at)) PARTITION BY RANGE (at);

CREATE TABLE measurement_default (LIKE measurement_first INCLUDING ALL);

DO $$
DECLARE
  newest timestamptz := (SELECT max(at) FROM measurement_first);
  next_month timestamp := date_trunc('month', greatest(now(), newest) AT TIME ZONE 'UTC') + interval '1 month';
BEGIN
  EXECUTE format(
    'ALTER TABLE measurement ATTACH PARTITION measurement_first FOR VALUES FROM (MINVALUE) TO (%L)',
    next_month AT TIME ZONE 'UTC'
  );
END
$$;
ALTER TABLE measurement ATTACH PARTITION measurement_default DEFAULT;
