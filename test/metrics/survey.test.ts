import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clusterMetrics } from '../../src/metrics/clusters.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { MeasureRequest, MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import { buckets, type CannedPrometheus, cannedPrometheus } from './canned-prometheus.ts';
import { errorRate, hostTarget, p99, requestOf, targetOf } from './requests.ts';

let prometheus: CannedPrometheus;
beforeAll(async () => {
  prometheus = await cannedPrometheus();
});
afterAll(() => prometheus.stop());
beforeEach(() => prometheus.reset());

const never = new AbortController().signal;
const metrics = () => prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5 });

/** Every query that a survey shows, each once. */
function shown({ checks, guards }: MetricsSurvey): string[] {
  const queries = [...Object.values(checks).flatMap((check) => check.queries), ...guards];
  return [...new Set(queries.map(({ query }) => query))].sort();
}

async function sentBy(request: MeasureRequest): Promise<string[]> {
  prometheus.reset();
  // Nothing is fresh, so that it is also asked what was seen within the hour.
  prometheus.answer('newest', []);
  await metrics().measure(request, never);
  return [...new Set(prometheus.asked.map(({ query }) => query))].sort();
}

describe('the queries that a survey shows', () => {
  it.each([
    ['of a subset split', requestOf()],
    ['of a host split', requestOf({ target: hostTarget() })],
    ['of a host split with subsets', requestOf({ target: hostTarget({ subset: 'v1' }) })],
    ['of windows that differ', requestOf({ checks: { errorRate, p99: { ...p99, window: 300 } } })],
    ['of two latency limits', requestOf({ checks: { p99, late: { ...p99, window: 300 } } })],
    ['of errors alone', requestOf({ checks: { errorRate } })],
    ['with the counters of pods', requestOf({ judged: { historySeconds: 0 } })],
    ['with the history of stable', requestOf({ judged: { historySeconds: 1800 } })],
    ['with the history of a host', requestOf({ target: hostTarget(), judged: { historySeconds: 1800 } })],
    ['without increments', requestOf({ incrementSeconds: 0 })],
  ])('are all that a measurement sends, to the letter, and no others: %s', async (_name, request) => {
    const surveyed = await metrics().survey(request, never);
    expect(shown(surveyed)).toEqual(await sentBy(request));
  });

  it('are shown by a provider that cannot even be asked', async () => {
    const token = { kind: 'file' as const, path: '/nowhere/token' };
    const provider = { cluster: 'default', url: prometheus.url, headers: {}, scrapeSeconds: 5 };
    const broken = clusterMetrics([{ ...provider, auth: { kind: 'bearer', token } }]);
    const surveyed = await broken.survey(requestOf(), never);
    expect(prometheus.asked).toEqual([]);
    expect(surveyed.measurements.requests.stable).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('/nowhere/token'),
    });
    expect(shown(surveyed)).toEqual(await sentBy(requestOf()));
  });

  it('answer without a value, and without asking anybody, for a cluster that is gone from the configuration', async () => {
    const surveyed = await clusterMetrics([]).survey(requestOf(), never);
    expect(surveyed.measurements.requests.stable).toMatchObject({ kind: 'unavailable' });
    expect(prometheus.asked).toEqual([]);
  });

  it('are none when a name could end the query that it stands in', async () => {
    const attack = 'x"}[1s])) or vector(0) #';
    const target = targetOf('payments', { stable: 'v1', canary: attack });
    const surveyed = await metrics().survey(requestOf({ target }), never);
    expect(shown(surveyed)).toEqual([]);
    expect(surveyed.measurements.requests.stable).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('is no label value'),
    });
    expect(prometheus.asked).toEqual([]);
  });
});

describe('the bounds that a survey finds', () => {
  const boundsOf = async (request = requestOf()) =>
    (await metrics().survey(request, never)).checks['p99']?.boundsMs;

  it('are those of stable, rising, each once and without infinity', async () => {
    prometheus.answer('buckets', [
      ...buckets('v1', { '+Inf': '9', '1000.0': '8', '250': '4', '1000': '8' }),
      ...buckets('v2', { '77': '1', '+Inf': '1' }),
    ]);
    expect(await boundsOf()).toEqual([250, 1000]);
  });

  it('are not known when the query fails, and none when stable has no histogram', async () => {
    prometheus.answer('buckets', (response) => response.writeHead(503).end());
    expect(await boundsOf()).toBeNull();
    prometheus.answer('buckets', []);
    expect(await boundsOf()).toBeNull();
    expect(await boundsOf(requestOf({ checks: { p99: errorRate } }))).toBeNull();
  });

  it('come with what stable counted between them, and with nothing where that is no count', async () => {
    const histogramOf = async () =>
      (await metrics().survey(requestOf(), never)).checks['p99']?.stableHistogram;
    prometheus.answer('buckets', [
      ...buckets('v1', { '+Inf': '9', '1000.0': '8', '250': '4', '500': '3.5' }),
      ...buckets('v2', { '77': '1', '+Inf': '1' }),
    ]);
    expect(await histogramOf()).toEqual({ boundsMs: [250, 500, 1000], counts: [4, 0, 4.5, 1] });
    prometheus.answer('buckets', buckets('v1', { '1000': '8', '250': '4' }));
    expect(await histogramOf()).toBeNull();
    prometheus.answer('buckets', buckets('v1', { '+Inf': 'NaN', '250': '4' }));
    expect(await histogramOf()).toBeNull();
    prometheus.answer('buckets', (response) => response.writeHead(503).end());
    expect(await histogramOf()).toBeNull();
  });

  it('stand at the callers’ proxies where each version has a host of its own', async () => {
    expect((await metrics().survey(requestOf(), never)).latencyFrom).toBe('service');
    expect((await metrics().survey(requestOf({ target: hostTarget() }), never)).latencyFrom).toBe('callers');
  });
});
