import { z } from 'zod';
import type { Actor } from './reasons.ts';

export const AuditType = z.enum([
  'rollout.scheduled',
  'rollout.waiting',
  'rollout.preflight',
  'preflight.completed',
  'rollout.started',
  'rollout.holding',
  'rollout.resumed',
  'rollout.paused',
  'rollout.promoting',
  'rollout.succeeded',
  'rollout.rolling_back',
  'rollout.stuck',
  'rollout.quarantined',
  'rollout.quarantine_ended',
  'rollout.rolled_back',
  'rollout.rollback_failed',
  'rollout.preflight_failed',
  'rollout.cancelled',
  'rollout.handing_over',
  'rollout.no_way_back',
  'approval.requested',
  'approval.approved',
  'approval.rejected',
  'approval.expired',
  'approval.void',
  'canary.changed',
  'canary.restarted',
  'step.started',
  'step.completed',
  'step.skipped',
  'weight.intended',
  'weight.applied',
  'weight.found',
  'route.intended',
  'route.applied',
  'route.found',
  'check.failed',
  'drift.detected',
  'hold.placed',
  'hold.lifted',
  'page',
]);
export type AuditType = z.infer<typeof AuditType>;

/** Facts of an audit row beyond its sentence; values as they were, units in the names. */
export const AuditFacts = z.record(z.string(), z.json());
export type AuditFacts = z.infer<typeof AuditFacts>;

/** What is to be written down; the store adds number, sequence and time. `message` is a whole sentence for a person. */
export type AuditEvent = { type: AuditType; actor: Actor; message: string; facts: AuditFacts };

/** A row of the audit log. `seq` counts within its rollout, without gaps; `number` orders all rows. */
export type AuditRow = Omit<AuditEvent, 'type'> & {
  /** One of `AuditType`, or one that only a newer version knows: such a row is passed on as it is. */
  type: string;
  number: number;
  seq: number;
  /** Null when the row is about something else than a rollout; `subject` says about what. */
  rolloutId: string | null;
  subject: string;
  at: number;
};
