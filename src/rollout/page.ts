import { type Decision, event } from './decision.ts';
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
