import type { Action } from './command.ts';

/** The four things every refusal, hold and rollback answers, as whole sentences. */
export type Explanation = {
  /** What happened: value, unit, limit, requests. */
  what: string;
  /** Where traffic is now. */
  traffic: string;
  /** What canaryd does next and when. */
  next: string;
  /** Actions that this rollout accepts now. */
  actions: Action[];
};

export type StatusReason =
  | 'analysis_failed'
  | 'canary_unreachable'
  | 'environment'
  | 'environment_limit'
  | 'metrics_missing'
  | 'no_traffic'
  | 'stable_not_ready'
  | 'mesh_unavailable'
  | 'mesh_write_failed'
  | 'stable_missing'
  | 'target_missing'
  | 'drift_detected'
  | 'target_recreated'
  | 'shape_changed'
  | 'plan_pause'
  | 'operator'
  | 'deadline_exceeded'
  | 'expired'
  | 'preflight_failed';
