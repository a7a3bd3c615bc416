import type { Fact, ProxySync } from '../readiness/snapshot.ts';
import type { Answer } from './answer.ts';
import { counted, range } from './promql.ts';
import { found, unread } from './surroundings-facts.ts';

const window = 300;

/**
 * Configurations that proxies refused of istiod in the window. Its counter of refusals only stands after the first, so
 * that an istiod which pushed and has none is asked for what it pushed.
 * Source: `pilot/pkg/xds/monitoring.go` of https://github.com/istio/istio
 */
export function refusedPushesQuery(): string {
  return `sum(${counted('pilot_total_xds_rejects', window)}) or 0 * sum(pilot_xds_pushes)`;
}

/** The 99th percentile of the seconds from a change until a proxy has all of it. */
export function convergenceQuery(): string {
  const buckets = `increase(pilot_proxy_convergence_time_bucket${range(window)})`;
  return `histogram_quantile(0.99, sum by (le) (${buckets}))`;
}

/** Null where istiod tells nothing, or pushed nothing in the window. */
export function proxySyncFrom(refused: Answer, convergence: Answer): Fact<ProxySync> {
  if (refused.kind === 'failed' && convergence.kind === 'failed') return unread(refused.why);
  const [rejected, seconds] = [numberIn(refused), numberIn(convergence)];
  const value = {
    // Part of a refusal is one.
    rejected: rejected === null ? null : Math.ceil(rejected),
    convergenceSeconds: seconds === null ? null : Math.round(seconds * 1000) / 1000,
    window,
  };
  return found(value, [
    ...gapOf('what proxies refused', refused),
    ...gapOf('how soon they have a change', convergence),
  ]);
}

function numberIn(answer: Answer): number | null {
  const value = answer.kind === 'rows' ? answer.rows[0]?.value : undefined;
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function gapOf(what: string, answer: Answer): string[] {
  return answer.kind === 'failed' ? [`${what}: ${answer.why}`] : [];
}
