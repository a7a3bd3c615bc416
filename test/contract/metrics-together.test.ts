import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { Metrics } from '../../src/rollout/ports/metrics.ts';
import type { Arm, Target } from '../../src/rollout/target.ts';
import type { ArmTraffic } from '../fakes/arm-traffic.ts';
import { mood } from '../fakes/metrics.ts';
import { hostTarget, targetOf } from '../metrics/requests.ts';
import { contractRequest, eventually, noSignal } from './metrics.ts';
import type { Flow } from './metrics-page.ts';
import {
  flowsOf,
  istioBounds,
  istioLabels,
  type PrometheusWorld,
  prometheusWorld,
} from './metrics-worlds.ts';

const scrapeSeconds = 0.2;
let world: PrometheusWorld;
let counted: { url: string; queries: string[]; stop(): Promise<void> };
beforeAll(async () => {
  world = await prometheusWorld();
  counted = await countingProxy(world.url);
}, 180_000);
afterAll(async () => {
  await counted.stop();
  await world.stop();
});

/** Passes queries on, and keeps them. */
async function countingProxy(to: string) {
  const queries: string[] = [];
  const server = createServer((request, response) => {
    queries.push(new URL(request.url ?? '/', to).searchParams.get('query') ?? '');
    fetch(`${to}${request.url}`).then(
      async (answer) => response.writeHead(answer.status).end(await answer.text()),
      () => response.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    queries,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const open = (url: string) => prometheusMetrics({ url, scrapeSeconds });
const measureAt = (metrics: Metrics, target: Target, at: number) =>
  metrics.measure(contractRequest(world, target, { at, judged: { historySeconds: 0 } }), noSignal);

/** What one Prometheus is asked for all targets together, and what each is found to be by itself. */
async function bothWays(targets: Target[]) {
  const metrics = open(counted.url);
  const at = Math.floor(Date.now() / 1000) * 1000 - 1000;
  await Promise.all(targets.map((target) => measureAt(metrics, target, at - 1000)));
  counted.queries.length = 0;
  const together = await Promise.all(targets.map((target) => measureAt(metrics, target, at)));
  const queries = [...counted.queries];
  const alone = await Promise.all(targets.map((target) => measureAt(open(world.url), target, at)));
  return { together, alone, queries };
}

function expectNoOutage(measured: object[]): void {
  expect(JSON.stringify(measured)).not.toContain('"unavailable"');
}

describe('a real Prometheus that is asked for several services at once', () => {
  it('finds for each what it finds for that one alone', async () => {
    const moods: Record<string, { canary: ArmTraffic; stable: ArmTraffic }> = {
      pay: { canary: mood.healthy, stable: mood.healthy },
      'pay-2': { canary: { ...mood.failing, errorRatio: 0.25 }, stable: mood.healthy },
      'pay.x': { canary: { ...mood.slow, p99Ms: 4000 }, stable: mood.healthy },
      'pay-x': { canary: mood.tooFew, stable: { ...mood.healthy, requests: 5000 } },
      'pay-x2': { canary: mood.idle, stable: mood.healthy },
      'no-canary': { canary: mood.none, stable: mood.healthy },
      'all-failing': {
        canary: { ...mood.failing, errorRatio: 1 },
        stable: { ...mood.failing, errorRatio: 1 },
      },
      'beyond-buckets': { canary: { ...mood.slow, p99Ms: 20_000 }, stable: mood.healthy },
      unseen: { canary: mood.none, stable: mood.none },
    };
    const targets = Object.keys(moods).map((name) => targetOf(name));
    for (const target of targets) {
      const { name } = target.stable.service;
      world.page.set(`${name}-v1`, flowsOf(target, 'v1', moods[name]?.stable ?? mood.none));
      world.page.set(`${name}-v2`, flowsOf(target, 'v2', moods[name]?.canary ?? mood.none));
      world.page.set(`${name}-callers`, lostAtCallers(target, name.length));
    }
    await eventually(async () => {
      const { together, alone, queries } = await bothWays(targets);
      expect(together).toEqual(alone);
      expectNoOutage(together);
      const [healthy, failing, slow] = together.map(({ checks }) => checks);
      expect(healthy?.['errorRate']?.canary).toMatchObject({ value: 0 });
      expect(failing?.['errorRate']?.canary).toMatchObject({ value: expect.closeTo(0.25) });
      expect(slow?.['p99']?.canary).toMatchObject({ bucket: { lowerMs: 2500, upperMs: 5000 } });
      expect(together.map(({ unattributed }) => unattributed.kind)).toEqual(targets.map(() => 'value'));
      // Besides the clock; the last is asked when one of them has no fresh sample, as the unseen one.
      expect(queries.filter((query) => query.includes('=~"pay|pay-2|pay[.]x|'))).toHaveLength(8);
      expect(queries).toHaveLength(10);
    });
  });

  it('mixes none that mirrors with one that does not, of the same namespace', async () => {
    const target = targetOf('mirrors');
    const traffic = { ...mood.healthy, copies: 3000 };
    world.page.set('mirrors-v1', flowsOf(target, 'v1', { ...mood.healthy, copies: 0 }));
    world.page.set('mirrors-v2', flowsOf(target, 'v2', traffic));
    const metrics = open(counted.url);
    const ask = (at: number, mirrored: boolean) =>
      metrics.measure(contractRequest(world, target, { at, mirrored }), noSignal);
    await eventually(async () => {
      const at = Math.floor(Date.now() / 1000) * 1000 - 1000;
      await Promise.all([ask(at - 1000, false), ask(at - 1000, true)]);
      const [all, own] = await Promise.all([ask(at, false), ask(at, true)]);
      expect(all.checks['errorRate']?.canary).toMatchObject({ value: expect.closeTo(0.75, 1) });
      expect(own.checks['errorRate']?.canary).toMatchObject({ value: 0 });
    });
  });

  it('finds for each what it finds for that one alone, where versions have a host each', async () => {
    const pairs = [
      ['blue', 'green', mood.healthy],
      ['blue-2', 'green.2', { ...mood.failing, errorRatio: 0.1 }],
      ['blue-22', 'green-22', { ...mood.slow, p99Ms: 4000 }],
    ] as const;
    const targets = pairs.map(([stable, canary]) =>
      hostTarget({ stable: serving(stable), canary: serving(canary) }),
    );
    for (const [stable, canary, traffic] of pairs) {
      world.page.set(`${stable}-host`, atCallers(stable, mood.healthy));
      world.page.set(`${canary}-host`, atCallers(canary, traffic));
    }
    await eventually(async () => {
      const { together, alone, queries } = await bothWays(targets);
      expect(together).toEqual(alone);
      expectNoOutage(together);
      expect(together.map(({ checks }) => checks['errorRate']?.canary)).toMatchObject([
        { value: 0 },
        { value: expect.closeTo(0.1) },
        { value: 0 },
      ]);
      expect(together[2]?.checks['p99']?.canary).toMatchObject({ bucket: { lowerMs: 2500, upperMs: 5000 } });
      expect(queries).toHaveLength(9);
    });
  });
});

function serving(name: string): Partial<Arm> {
  return { service: { name, namespace: 'bank' }, version: name };
}

/** What a gateway counted: one request in so many reached no pod. */
function lostAtCallers(target: Target, every: number): Flow[] {
  const sent = (version: string, code: string, perScrape: number): Flow => ({
    labels: {
      ...istioLabels(target, version, code),
      reporter: 'source',
      destination_workload: version === 'unknown' ? 'unknown' : `${target.virtualService}-${version}`,
    },
    perScrape,
    latencyMs: 5,
    bounds: istioBounds,
  });
  return [sent('v1', '200', 20 * every), sent('unknown', '503', 20)];
}

function atCallers(name: string, traffic: ArmTraffic): Flow[] | null {
  const flows = flowsOf(targetOf(name), 'v1', traffic);
  return flows?.map((flow) => ({ ...flow, labels: { ...flow.labels, reporter: 'source' } })) ?? null;
}
