import type { MeasureRequest } from '../rollout/ports/metrics.ts';
import type { Arm, Target } from '../rollout/target.ts';
import type { Answer, Row } from './answer.ts';
import { isHostSplit } from './promql.ts';

/** Beyond this the windows of both clocks no longer overlap enough to compare. */
const maxSkewSeconds = 30;
/** A version whose newest sample is older than this many scrapes is not being scraped. */
const staleScrapes = 3;

export type ArmName = 'canary' | 'stable';
export type Unavailable = { kind: 'unavailable'; why: string };

/** Which arms have samples from just now; `unavailable` when nothing may be believed. */
export type Freshness = { kind: 'known'; fresh: Record<ArmName, boolean> } | Unavailable;

/** The arm that a row belongs to by its version or, in a host split, by its service; null for others. */
export function armOf({ target }: Pick<MeasureRequest, 'target'>, { labels }: Row): ArmName | null {
  if (isHostSplit(target)) return armOfService(target, labels);
  const version = labels['destination_version'];
  if (version === target.canary.version) return 'canary';
  return version === target.stable.version ? 'stable' : null;
}

function armOfService(target: Target, labels: Row['labels']): ArmName | null {
  const isOf = ({ service }: Arm) =>
    labels['destination_service_name'] === service.name &&
    labels['destination_service_namespace'] === service.namespace;
  if (isOf(target.canary)) return 'canary';
  return isOf(target.stable) ? 'stable' : null;
}

/** Why the provider's clock (Unix seconds, as `time()` answered) does not fit the instant asked for; null when it does. */
export function skewOf({ at }: MeasureRequest, clock: Answer): Unavailable | null {
  if (clock.kind === 'failed') return { kind: 'unavailable', why: clock.why };
  const skewSeconds = clockSeconds(clock.rows) - at / 1000;
  if (Math.abs(skewSeconds) <= maxSkewSeconds) return null;
  if (!Number.isFinite(skewSeconds)) return { kind: 'unavailable', why: 'Prometheus did not tell its time' };
  const direction = skewSeconds > 0 ? 'ahead of' : 'behind';
  const why = `Prometheus's clock is ${Math.round(Math.abs(skewSeconds))} s ${direction} canaryd's: measurements cannot be matched`;
  return { kind: 'unavailable', why };
}

/** Which arms have a sample from the last three scrapes, by the provider's clock and the answer to `newestSample`. */
export function freshArms(
  request: MeasureRequest,
  { clock, newest }: { clock: Answer; newest: Answer },
  scrapeSeconds: number,
): Freshness {
  const skewed = skewOf(request, clock);
  if (skewed !== null) return skewed;
  if (newest.kind === 'failed') return { kind: 'unavailable', why: newest.why };
  // A clock that is behind has no samples up to the instant yet; one that is ahead hides those after it.
  const now = Math.min(request.at / 1000, clock.kind === 'rows' ? clockSeconds(clock.rows) : Number.NaN);
  const isFresh = (arm: ArmName) =>
    newest.rows.some((row) => armOf(request, row) === arm && now - row.value <= staleScrapes * scrapeSeconds);
  return { kind: 'known', fresh: { canary: isFresh('canary'), stable: isFresh('stable') } };
}

/** True when neither arm has a fresh sample: then it matters whether the service was ever seen. */
export function hasNoFreshArm(freshness: Freshness): boolean {
  return freshness.kind === 'known' && !freshness.fresh.canary && !freshness.fresh.stable;
}

/** True when an arm has no fresh sample: then it matters to who counts pods whether it was ever seen. */
export function hasStaleArm(freshness: Freshness): boolean {
  return freshness.kind === 'known' && !(freshness.fresh.canary && freshness.fresh.stable);
}

/**
 * Tells an outage from a service that never had traffic, when neither arm is fresh: an arm that `seenLately` found is
 * no longer scraped, and its windows would still show requests from before.
 */
export function withoutFreshArm(
  request: MeasureRequest,
  seenLately: Answer,
  scrapeSeconds: number,
): Freshness {
  if (seenLately.kind === 'failed') return { kind: 'unavailable', why: seenLately.why };
  if (seenLately.rows.every((row) => armOf(request, row) === null)) {
    return { kind: 'known', fresh: { canary: false, stable: false } };
  }
  const { stable, canary } = request.target;
  const services = new Set([stable, canary].map(({ service }) => `${service.namespace}/${service.name}`));
  const why = `Prometheus has no sample of ${[...services].join(' and ')} from the last ${staleScrapes * scrapeSeconds} s, but had some within the hour: it is not being scraped`;
  return { kind: 'unavailable', why };
}

function clockSeconds(rows: Row[]): number {
  return rows[0]?.value ?? Number.NaN;
}
