ALTER TABLE rollout DROP CONSTRAINT rollout_status_check;
ALTER TABLE rollout ADD CONSTRAINT rollout_status_check CHECK (status IN (
  'scheduled', 'preflight', 'running', 'promoting', 'holding', 'awaiting_approval', 'paused', 'rolling_back',
  'succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'
));

-- One that is scheduled or queued claims its VirtualService when its preflight begins.
DROP INDEX rollout_live;
CREATE UNIQUE INDEX rollout_live ON rollout (cluster, namespace, virtual_service)
  WHERE ended_at IS NULL AND status <> 'scheduled';
