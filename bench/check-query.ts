import type { Row } from '../src/metrics/answer.ts';
import { p99Latency, requestsByCode, selectService } from '../src/metrics/promql.ts';
import type { Check } from '../src/rollout/plan-parts.ts';
import type { Target } from '../src/rollout/target.ts';
import type { Instant } from './breach.ts';
import { askRange, type Grid, instantsOf } from './range-query.ts';

/** Whose check it is, and the Prometheus that knows. */
export type Question = { prometheusUrl: string; target: Target; check: Check };

/**
 * A plan's check on the canary at every instant of the grid, by the queries that canaryd itself asks but read here
 * anew: a fault in canaryd's own reading of the answers would show. Throws when Prometheus does not answer.
 */
export async function askCheck({ prometheusUrl, target, check }: Question, grid: Grid): Promise<Instant[]> {
  const selector = selectService(target);
  if (selector.kind === 'refused') throw new Error(selector.why);
  const ask = (query: string) => askRange(prometheusUrl, query, grid);
  const [counts, p99s] = await Promise.all([
    ask(requestsByCode(selector, check.window)),
    check.metric === 'p99LatencyMs' ? ask(p99Latency(selector, check.window)) : null,
  ]);
  const ofCanary = (rows: Row[] = []) =>
    rows.filter(({ labels }) => labels['destination_version'] === target.canary.version);
  return instantsOf(grid).map((atMs) => {
    const rows = ofCanary(counts.get(atMs));
    const requests = total(rows);
    const errors = total(rows.filter(({ labels }) => labels['response_code']?.startsWith('5')));
    const value = p99s === null ? errors / requests : (ofCanary(p99s.get(atMs))[0]?.value ?? Number.NaN);
    return { atMs, value, requests: Math.round(requests) };
  });
}

function total(rows: Row[]): number {
  return rows.reduce((sum, { value }) => sum + value, 0);
}
