import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Measurements } from '../../src/analysis/reading.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import type { Target } from '../../src/rollout/target.ts';
import { targetOf } from '../metrics/requests.ts';
import { eventually, noSignal } from './metrics.ts';
import { type Pod, type PodWorld, podWorld } from './metrics-pods.ts';
import { istioBounds, istioLabels } from './metrics-worlds.ts';

const window = 2;
const scrapesPerWindow = 10;
const judging = { window, failures: 2, minRequests: 10 };
const checks = {
  errorRate: { metric: 'errorRate', max: 0.01, ...judging },
  p99: { metric: 'p99LatencyMs', max: 2000, ...judging },
  // As after a missed scrape: one sample at most points.
  brief: { metric: 'errorRate', max: 0.01, ...judging, window: 0.25, minRequests: 1 },
} satisfies Record<string, Check>;

let world: PodWorld;
beforeAll(async () => {
  world = await podWorld();
}, 180_000);
afterAll(() => world.stop());

const measure = (target: Target): Promise<Measurements> =>
  world.metrics.measure(
    { target, checks, at: Date.now(), incrementSeconds: window, mirrored: false },
    noSignal,
  );

type Counter = Pod['counters'][number];

/** A counter of the canary's requests; `caller` makes it one of its own. */
function requests(
  target: Target,
  code: string,
  value: number,
  more: Partial<Counter> & { caller?: number } = {},
) {
  const { caller = 0, perScrape = 0 } = more;
  const labels = { ...istioLabels(target, 'v2', code), source_workload: `caller-${caller}` };
  return { name: 'istio_requests_total', labels, value, perScrape };
}

/** The latency buckets of the canary's requests, all of one length. */
function latencies(target: Target, count: number, latencyMs: number): Counter[] {
  return [...istioBounds, '+Inf'].map((le) => ({
    name: 'istio_request_duration_milliseconds_bucket',
    labels: { ...istioLabels(target, 'v2', '200'), le },
    value: le === '+Inf' || latencyMs <= Number(le) ? count : 0,
    perScrape: 0,
  }));
}

/** Lets so many scrapes of the pod pass, as Prometheus makes them. */
async function scrapes(pod: Pod, count: number): Promise<void> {
  const until = pod.scrapes + count;
  await eventually(async () => expect(pod.scrapes).toBeGreaterThanOrEqual(until));
}

/** Every measurement until the pod was scraped for longer than a window. */
async function whileWindowPasses(target: Target, pod: Pod): Promise<Measurements[]> {
  const all: Measurements[] = [];
  const until = pod.scrapes + 2 * scrapesPerWindow;
  await eventually(async () => {
    all.push(await measure(target));
    expect(pod.scrapes).toBeGreaterThanOrEqual(until);
  });
  return all;
}

const mostRequests = (all: Measurements[]) =>
  Math.max(...all.map(({ increments }) => increments.canary?.requests ?? 0));

describe.concurrent('a counter that is born in a window', () => {
  it('counts with its first error: 60 callers with one 500 each are 60 errors', async () => {
    const target = targetOf('first-errors');
    const pod = world.add('first-errors', [requests(target, '200', 5000, { perScrape: 120 })]);
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(
      ...Array.from({ length: 60 }, (_, caller) => requests(target, '500', 1, { caller: caller + 1 })),
    );
    await eventually(async () => {
      const { checks: measured, increments } = await measure(target);
      expect(increments.canary?.errors).toBe(60);
      const { canary } = measured['errorRate'] ?? {};
      expect(canary?.kind === 'value' && canary.value).toBeCloseTo(60 / 1260, 2);
    });
  });

  it('is counted once: not again in the window after', async () => {
    const target = targetOf('counted-once');
    const pod = world.add('counted-once', [requests(target, '200', 5000, { perScrape: 10 })]);
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(requests(target, '500', 7));
    await eventually(async () => expect((await measure(target)).increments.canary?.errors).toBe(7));
    await eventually(async () => expect((await measure(target)).increments.canary?.errors).toBe(0));
  });

  it('makes the error rate of a canary 1 whose requests fail from its very first', async () => {
    const target = targetOf('fails-at-once');
    const pod = world.add('fails-at-once');
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(requests(target, '503', 40));
    await eventually(async () => {
      const { checks: measured } = await measure(target);
      expect(measured['errorRate']?.canary).toEqual({ kind: 'value', value: 1, requests: 40 });
    });
  });

  it('brings its latency with it: the first requests of a slow canary have a P99', async () => {
    const target = targetOf('slow-at-once');
    const pod = world.add('slow-at-once');
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(requests(target, '200', 50), ...latencies(target, 50, 4000));
    await eventually(async () => {
      const { canary } = (await measure(target)).checks['p99'] ?? {};
      const bucket = { lowerMs: 2500, upperMs: 5000 };
      expect(canary).toMatchObject({ kind: 'value', requests: 50, bucket });
    });
  });

  it('at the callers counts as well, when it names no version', async () => {
    const target = targetOf('no-endpoints');
    const atCaller = (counter: Counter, version: string, workload: string): Counter => ({
      ...counter,
      labels: {
        ...counter.labels,
        reporter: 'source',
        destination_version: version,
        destination_workload: workload,
      },
    });
    const sound = requests(target, '200', 5000, { perScrape: 9 });
    const pod = world.add('gateway', [atCaller(sound, 'v1', 'payments-v1')]);
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(atCaller(requests(target, '503', 90), 'unknown', 'unknown'));
    await eventually(async () => {
      const { unattributed } = await measure(target);
      expect(unattributed.kind === 'value' && unattributed.value).toBeCloseTo(0.5, 1);
    });
  });

  it('is not all that a window with a single scrape knows: old counters count beside it', async () => {
    const target = targetOf('single-scrape');
    const pod = world.add('single-scrape', [requests(target, '200', 5000, { perScrape: 50 })]);
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.counters.push(requests(target, '500', 5));
    const rates = (await whileWindowPasses(target, pod)).flatMap(({ checks: measured }) => {
      const { canary } = measured['brief'] ?? {};
      return canary?.kind === 'value' ? [canary.value] : [];
    });
    expect(rates.length).toBeGreaterThan(0);
    expect(Math.max(...rates)).toBeLessThan(0.2);
  });
});

describe.concurrent('a counter that was only not seen before', () => {
  const oldLife = (target: Target) => [
    requests(target, '200', 1_000_000, { perScrape: 10 }),
    requests(target, '500', 500_000),
  ];

  it('does not bring the life of an old pod that Prometheus has just begun to scrape', async () => {
    const target = targetOf('just-discovered');
    const pod = world.add('just-discovered', oldLife(target));
    const all = await whileWindowPasses(target, pod);
    expect(mostRequests(all)).toBeGreaterThan(50);
    expect(mostRequests(all)).toBeLessThan(300);
    expect(all.every(({ increments }) => !increments.canary?.errors)).toBe(true);
  });

  it('does not bring the life of a pod whose scrapes failed for a while', async () => {
    const target = targetOf('scrape-gap');
    const pod = world.add('scrape-gap', oldLife(target));
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.failNext = Number.POSITIVE_INFINITY;
    await eventually(async () => expect((await measure(target)).increments.canary).toBeNull());
    pod.failNext = 0;
    const all = await whileWindowPasses(target, pod);
    expect(mostRequests(all)).toBeGreaterThan(50);
    expect(mostRequests(all)).toBeLessThan(300);
    expect(all.every(({ increments }) => !increments.canary?.errors)).toBe(true);
  });

  it('does not bring its life after a single failed scrape', async () => {
    const target = targetOf('one-failed-scrape');
    const pod = world.add('one-failed-scrape', oldLife(target));
    await scrapes(pod, 2 * scrapesPerWindow);
    pod.failNext = 1;
    const all = await whileWindowPasses(target, pod);
    expect(mostRequests(all)).toBeLessThan(300);
    expect(all.every(({ increments }) => !increments.canary?.errors)).toBe(true);
  });
});

describe.concurrent('a counter that restarts', () => {
  it('counts with what it reached since, not with its life before', async () => {
    const target = targetOf('restarted');
    const counter = requests(target, '500', 5000);
    const pod = world.add('restarted', [counter]);
    await scrapes(pod, 2 * scrapesPerWindow);
    counter.value = 40;
    const all = await whileWindowPasses(target, pod);
    expect(mostRequests(all)).toBeGreaterThanOrEqual(40);
    expect(mostRequests(all)).toBeLessThan(60);
  });
});
