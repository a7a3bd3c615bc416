import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { p99Latency, selectService } from '../../src/metrics/promql.ts';
import type { Target } from '../../src/rollout/target.ts';
import { mood } from '../fakes/metrics.ts';
import { hostTarget, targetOf } from '../metrics/requests.ts';
import { contractChecks, contractRequest, eventually, noSignal } from './metrics.ts';
import {
  flowsOf,
  istioBounds,
  istioLabels,
  type PrometheusWorld,
  prometheusWorld,
  windowSeconds,
} from './metrics-worlds.ts';

let world: PrometheusWorld;
beforeAll(async () => {
  world = await prometheusWorld();
}, 180_000);
afterAll(() => world.stop());

const measure = (target: Target, at = world.now()) =>
  world.metrics.measure(contractRequest(world, target, { at }), noSignal);
const healthy = { canary: mood.healthy, stable: mood.healthy };

describe('a real Prometheus', () => {
  it('is ready', async () => {
    const { prometheusMetrics } = await import('../../src/metrics/prometheus.ts');
    const metrics = prometheusMetrics({ url: world.url, scrapeSeconds: 1 });
    expect(await metrics.ready(noSignal)).toEqual({ ok: true });
  });

  it('gives one P99 for pods that write the bound 1000 and 1000.0', async () => {
    const target = world.serve({ canary: mood.none, stable: mood.healthy });
    const pod = (latencyMs: number, bounds: string[]) => [
      { labels: istioLabels(target, 'v2', '200'), perScrape: 50, latencyMs, bounds },
    ];
    world.page.set('canary-old-proxy', pod(80, istioBounds));
    world.page.set(
      'canary-new-proxy',
      pod(
        800,
        istioBounds.map((bound) => Number(bound).toFixed(1)),
      ),
    );
    await eventually(async () => {
      const { canary } = (await measure(target)).checks['p99'] ?? {};
      expect(canary).toMatchObject({ kind: 'value', bucket: { lowerMs: 500, upperMs: 1000 } });
      // Half of all requests lie in this bucket, so the 99th percentile is at 98 % of its width.
      expect(canary?.kind === 'value' && canary.value).toBeCloseTo(990, 0);
    });
  });

  it('caps a P99 at its highest bucket, which canaryd reads as above it', async () => {
    const target = world.serve({ canary: { ...mood.slow, p99Ms: 20_000 }, stable: mood.healthy });
    await eventually(async () => {
      const at = world.now();
      expect((await measure(target, at)).checks['p99']?.canary).toMatchObject({
        kind: 'value',
        value: 10_001,
      });
      expect(await askDirectly(p99Of(target), at)).toBe('10000');
    });
  });

  it('counts errors that name no version at the callers', async () => {
    const target = world.serve(healthy);
    const atCaller = (version: string, workload: string, code: string, perScrape: number) => ({
      labels: {
        ...istioLabels(target, version, code),
        reporter: 'source',
        destination_workload: workload,
        response_flags: code === '503' ? 'UH' : '-',
      },
      perScrape,
      latencyMs: 5,
      bounds: istioBounds,
    });
    world.page.set('gateway', [
      atCaller('v1', 'payments-v1', '200', 80),
      atCaller('v2', 'payments-v2', '503', 10),
      atCaller('unknown', 'unknown', '503', 10),
    ]);
    await eventually(async () => {
      const { unattributed, checks } = await measure(target);
      expect(unattributed.kind === 'value' && unattributed.value).toBeCloseTo(0.1);
      expect(checks['errorRate']?.canary).toMatchObject({ kind: 'value', value: 0 });
    });
  });

  it('finds none of a canary whose pods are gone, although its window still has requests', async () => {
    const target = world.serve({ canary: mood.failing, stable: mood.healthy });
    await eventually(async () => expect((await measure(target)).requests.canary.kind).toBe('value'));
    world.page.set(`${target.stable.service.name}-v2`, null);
    await eventually(async () => {
      const { checks, requests } = await measure(target);
      expect([checks['errorRate']?.canary, requests.canary]).toEqual([{ kind: 'none' }, { kind: 'none' }]);
      expect(checks['errorRate']?.stable.kind).toBe('value');
    });
  });

  it('has no traffic of a service that it never saw', async () => {
    const { checks, requests, unattributed } = await measure(targetOf('unheard-of'));
    expect([checks['errorRate']?.stable, requests.canary, unattributed]).toEqual([
      { kind: 'none' },
      { kind: 'none' },
      { kind: 'none' },
    ]);
  });

  it('keeps the error rate of a window that saw a counter restart', async () => {
    const target = world.serve(healthy);
    await eventually(async () => expect((await measure(target)).requests.canary.kind).toBe('value'));
    world.page.set(`${target.stable.service.name}-v2`, flowsOf(target, 'v2', mood.failing));
    await eventually(async () => {
      const { canary } = (await measure(target)).checks['errorRate'] ?? {};
      expect(canary?.kind === 'value' && canary.value).toBeCloseTo(0.5, 1);
    });
  });

  it('is not believed at an instant that its clock is far from', async () => {
    const target = world.serve(healthy);
    const { requests } = await measure(target, world.now() - 60_000);
    expect(requests.canary).toEqual({
      kind: 'unavailable',
      why: expect.stringMatching(/^Prometheus's clock is (59|60|61) s ahead of canaryd's/),
    });
  });

  it('would have obeyed a name that ends the query, so such a name is never sent', async () => {
    const attack = 'x"}[1s])) or vector(0) #';
    expect(
      await askDirectly(
        `sum(increase(istio_requests_total{destination_version="${attack}"}[3s]))`,
        world.now(),
      ),
    ).toBe('0');
    const { requests } = await measure(targetOf('payments', { stable: 'v1', canary: attack }));
    expect(requests.canary).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('is no label value'),
    });
  });

  it.each([
    ['a subset split', targetOf('payments')],
    ['a host split', hostTarget()],
  ])('takes every query that a survey shows, as it stands: %s', async (_name, target) => {
    const request = contractRequest(world, target, { judged: { historySeconds: 1800 } });
    const { checks, guards } = await world.metrics.survey(request, noSignal);
    const shown = [...Object.values(checks).flatMap(({ queries }) => queries), ...guards];
    expect(shown).toHaveLength(13);
    for (const { query } of shown) {
      const url = `${world.url}/api/v1/query?${new URLSearchParams({ query })}`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
      expect([answer.status, query]).toEqual([200, query]);
    }
  });

  // Last, because it takes the page away.
  it('makes a whole service unavailable when it is scraped no more', async () => {
    const target = world.serve(healthy);
    await eventually(async () => expect((await measure(target)).requests.stable.kind).toBe('value'));
    await world.page.stop();
    await eventually(async () => {
      const { checks, requests } = await measure(target);
      const stale = { kind: 'unavailable', why: expect.stringContaining('it is not being scraped') };
      expect([checks['errorRate']?.canary, checks['p99']?.stable, requests.canary]).toEqual([
        stale,
        stale,
        stale,
      ]);
    });
  });
});

function p99Of(target: Target): string {
  const selector = selectService(target);
  if (selector.kind === 'refused') throw new Error(selector.why);
  expect(contractChecks.p99.window).toBe(windowSeconds);
  return `${p99Latency(selector, windowSeconds)} and on (destination_version) label_replace(vector(0), "destination_version", "v2", "", "")`;
}

/** The first sample value, as Prometheus writes it. */
async function askDirectly(query: string, at: number): Promise<string | undefined> {
  const parameters = new URLSearchParams({ query, time: String(at / 1000) });
  const answer = await fetch(`${world.url}/api/v1/query?${parameters}`, {
    signal: AbortSignal.timeout(5000),
  });
  return /"value":\[[^"]*"([^"]*)"/.exec(await answer.text())?.[1];
}
