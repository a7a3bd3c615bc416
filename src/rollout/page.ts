import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import { type Decision, event } from './decision.ts';
import type { HoldReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';

const pageAfterMs = 3 * 60_000;

/** Three minutes without metrics while users are on the canary are somebody's business. */
export function paged(rollout: Rollout, now: Millis): Pick<Decision, 'rollout' | 'events'> {
  const missing = rollout.watch.metricsMissing;
  if (missing === null || missing.paged || now - missing.since < pageAfterMs) return { rollout, events: [] };
  const watch = { ...rollout.watch, metricsMissing: { ...missing, paged: true } };
  const message = `no usable metrics for ${say.seconds((now - missing.since) / 1000)}; ${say.traffic(rollout)}`;
  return { rollout: { ...rollout, watch }, events: [event('page', message, { since: missing.since })] };
}

/**
 * The reason with since when the mesh cannot be read or written, whichever of the two it is by now, and the page that
 * is due when that takes three minutes: nothing goes forward meanwhile, and the way back needs the same.
 */
export function overdue(
  rollout: Rollout,
  reason: HoldReason,
  now: Millis,
): { reason: HoldReason; pages: AuditEvent[] } {
  if (!isOutage(reason)) return { reason, pages: [] };
  const { state } = rollout;
  const known = state.kind === 'holding' && isOutage(state.reason) ? state.reason : null;
  const since = known?.since ?? now;
  if (known?.paged === true || now - since < pageAfterMs) {
    const told = known?.paged === true ? { paged: true as const } : {};
    return { reason: { ...reason, since, ...told }, pages: [] };
  }
  const message = `holding for ${say.seconds((now - since) / 1000)}: ${because.hold(reason)}; ${say.traffic(rollout)}`;
  return { reason: { ...reason, since, paged: true }, pages: [event('page', message, { reason })] };
}

type Outage = Extract<HoldReason, { kind: 'meshUnavailable' | 'meshWriteFailed' }>;

function isOutage(reason: HoldReason): reason is Outage {
  return reason.kind === 'meshUnavailable' || reason.kind === 'meshWriteFailed';
}
