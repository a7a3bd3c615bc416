import type { Driver } from './evidence.ts';
import { warningIn, withoutAcknowledged } from './rule.ts';
import type { JudgeSettings } from './settings.ts';
import type { JudgeState, LimitState } from './state.ts';
import { isBreaking, isShared, isStanding } from './stretch.ts';
import type { Totals } from './totals.ts';
import { logWealth } from './wealth.ts';

type AtBound = NonNullable<JudgeState['latency']>['atBounds'][number];

/** The index in the verdict's metrics of the one that drives the ruling; null when none does. */
export function driverIndex(
  state: JudgeState,
  settings: JudgeSettings,
  { driver, acknowledged }: { driver: Driver; acknowledged: readonly string[] },
): number | null {
  const { reason } = state.ruling;
  const limit = limitBehind(withoutAcknowledged(state, acknowledged), settings);
  if (limit !== null) return firstLimit(state) + state.limits.indexOf(limit);
  if (reason !== 'regression' && reason !== 'limit' && reason !== 'suspicion') return null;
  if (driver.kind === 'limit') return firstLimit(state) + driver.index;
  if (driver.kind === 'split') return null;
  return driver.kind === 'latency' ? 1 : 0;
}

/** Where the limits begin in the list of metrics. */
function firstLimit({ latency }: JudgeState): number {
  return latency === null ? 1 : 2;
}

/** The limit that a ruling without evidence goes by. */
function limitBehind(state: JudgeState, settings: JudgeSettings): LimitState | null {
  const { ruling, limits } = state;
  const found = (isIt: (limit: LimitState) => boolean) => limits.find(isIt) ?? null;
  if (ruling.reason === 'environment' || ruling.reason === 'environmentLimit') return found(isShared);
  if (ruling.reason === 'backstop') return found(isStanding);
  if (ruling.reason === 'warning') return warningIn(state, settings);
  return ruling.reason === 'breach' ? found(isBreaking) : null;
}

/**
 * Failed ones, and slow ones: beyond a limit of the plan, or beyond the bound that drives the ruling. Of the whole rollout
 * or of its last looks, whichever are more: what chance spared the canary before a late fault makes that no smaller.
 */
export function harmedRequests(state: JudgeState, driver: Driver): number {
  const slow = state.limits.filter(({ maxMs }) => maxMs !== null).map(harmIn);
  if (driver.kind === 'latency' && state.latency !== null) {
    slow.push(harmIn(loudestBound(state.latency.atBounds, state.looks)));
  }
  return harmIn(state.errors) + Math.max(0, ...slow);
}

function harmIn({ totals, since }: { totals: Totals; since: Totals }): number {
  return Math.max(0, totals.excess, since.excess);
}

/** The bound at which the canary is most likely to be slower than stable. */
export function loudestBound(atBounds: readonly AtBound[], looks: number): AtBound {
  const loudness = ({ worse }: AtBound) => logWealth(worse, Math.max(0, looks - 1));
  return atBounds.reduce((best, one) => (loudness(one) > loudness(best) ? one : best));
}
