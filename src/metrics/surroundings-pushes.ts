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

/**
 * The ratio of pushes that took a proxy longer than the last bucket but `+Inf`, which no quantile can tell. Prometheus 3
 * writes a whole bound as `30.0`.
 * Source: `pilot/pkg/xds/monitoring.go` of https://github.com/istio/istio and
 * https://prometheus.io/docs/prometheus/latest/migration/#le-and-quantile-label-values
 */
export function latePushesQuery(): string {
  const within = (bound: string) =>
    `sum(increase(pilot_proxy_convergence_time_bucket{${bound}}${range(window)}))`;
  return `1 - ${within('le=~"30|30[.]0"')} / ${within('le="+Inf"')}`;
}

/** Null where istiod tells nothing, or pushed nothing in the window. */
export function proxySyncFrom(refused: Answer, late: Answer): Fact<ProxySync> {
  if (refused.kind === 'failed' && late.kind === 'failed') return unread(refused.why);
  const [rejected, ratio] = [numberIn(refused), numberIn(late)];
  const value = {
    // Part of a refusal is one.
    rejected: rejected === null ? null : Math.ceil(rejected),
    // Buckets that are scraped apart may differ by a hair.
    lateRatio: ratio === null ? null : Math.min(Math.max(ratio, 0), 1),
    window,
  };
  return found(value, [
    ...gapOf('what proxies refused', refused),
    ...gapOf('how many of them have a change late', late),
  ]);
}

function numberIn(answer: Answer): number | null {
  const value = answer.kind === 'rows' ? answer.rows[0]?.value : undefined;
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function gapOf(what: string, answer: Answer): string[] {
  return answer.kind === 'failed' ? [`${what}: ${answer.why}`] : [];
}
