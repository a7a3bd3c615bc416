import { z } from 'zod';
import type { Status } from '../rollout/rollout.ts';
import type { StatusReason } from '../rollout/status-reason.ts';

const statuses = [
  'scheduled',
  'preflight',
  'running',
  'promoting',
  'holding',
  'paused',
  'awaiting_approval',
  'rolling_back',
  'succeeded',
  'rolled_back',
  'rollback_failed',
  'preflight_failed',
  'cancelled',
] as const satisfies Status[];

export const StatusOnWire = z.enum(statuses).meta({ id: 'Status' });

const statusReasons = [
  'analysis_failed',
  'canary_unreachable',
  'canary_not_ready',
  'environment',
  'suspicion',
  'inconclusive',
  'warning',
  'unproven',
  'environment_limit',
  'alert_firing',
  'metrics_missing',
  'no_traffic',
  'traffic_mismatch',
  'stable_not_ready',
  'mesh_unavailable',
  'mesh_write_failed',
  'stable_missing',
  'target_missing',
  'drift_detected',
  'target_recreated',
  'out_of_band',
  'state_restored',
  'another_rollout',
  'shape_changed',
  'plan_pause',
  'operator',
  'deadline_exceeded',
  'expired',
  'approval_pending',
  'approval_rejected',
  'approval_expired',
  'handover_waiting',
  'handover_undone',
  'no_way_back',
  'canary_changed',
  'canary_unsettled',
  'not_ready',
  'kill_switch',
  'queued',
  'target_unreadable',
  'quarantined',
  'preflight_failed',
] as const satisfies StatusReason[];

export const StatusReasonOnWire = z
  .enum(statusReasons)
  .nullable()
  .describe('Why it is in this status; null when nothing needs a reason.');
