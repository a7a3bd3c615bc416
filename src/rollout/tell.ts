import type { AuditEvent, AuditType } from './audit.ts';
import type { Decision } from './decision.ts';
import { explain } from './explain.ts';
import type { Millis } from './units.ts';

/** Where a rollout stops, turns or asks for somebody: whoever reads only this row has to know what to do. */
const inFull: ReadonlySet<AuditType> = new Set([
  'rollout.holding',
  'rollout.paused',
  'rollout.handing_over',
  'rollout.no_way_back',
  'rollout.rolling_back',
  'rollout.stuck',
  'rollout.rolled_back',
  'rollout.rollback_failed',
  'rollout.preflight_failed',
  'rollout.cancelled',
  'approval.requested',
  'page',
]);

/**
 * The decision with the four things in the facts of every such audit row: what happened, where traffic is, what canaryd
 * does next and when, and which actions are open.
 */
export function toldInFull(decision: Decision, now: Millis): Decision {
  const { rollout, events, nextAt } = decision;
  if (!events.some(({ type }) => inFull.has(type))) return decision;
  const explanation = explain(rollout, nextAt, now);
  const told = ({ facts, ...event }: AuditEvent): AuditEvent =>
    inFull.has(event.type) ? { ...event, facts: { ...facts, explanation } } : { ...event, facts };
  return { ...decision, events: events.map(told) };
}
