import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { askCheck } from '../../bench/check-query.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import type { Target } from '../../src/rollout/target.ts';

const service = { name: 'shop', namespace: 'shop-prod' };
const arm = (version: string) => ({ host: 'shop', subset: version, service, version, podLabels: {} });
const target: Target = {
  cluster: 'default',
  namespace: 'shop-prod',
  virtualService: 'shop',
  uid: '',
  route: '',
  stable: arm('v1'),
  canary: arm('v2'),
  routes: [{ key: { kind: 'http', name: '' }, original: { stable: 100, canary: 0, others: [] } }],
  also: [],
  stableReadyAtStart: null,
};
const errors: Check = { metric: 'errorRate', max: 0.01, window: 6, failures: 2, minRequests: 100 };
const p99: Check = { metric: 'p99LatencyMs', max: 2000, window: 6, failures: 2, minRequests: 100 };
const grid = { fromMs: 1_000_000, toMs: 1_000_200, stepMs: 100 };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

type Series = { metric: Record<string, string>; values: [number, string][] };

async function prometheusWith(series: { counts: Series[]; p99s?: Series[] }, status = 'success') {
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams.get('query') ?? '';
    const result = query.startsWith('histogram_quantile') ? series.p99s : series.counts;
    response.end(JSON.stringify({ status, data: { resultType: 'matrix', result } }));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

function counted(version: string, code: string, ...values: [number, string][]): Series {
  return { metric: { destination_version: version, response_code: code }, values };
}

describe("a check's query, asked again", () => {
  it("is the canary's 5xx responses by all its requests, at each instant", async () => {
    const counts = [
      counted('v1', '500', [1000, '70'], [1000.1, '70'], [1000.2, '70']),
      counted('v2', '200', [1000, '90'], [1000.1, '180.4']),
      counted('v2', '503', [1000, '10'], [1000.1, '19.6']),
      counted('v2', '404', [1000, '100']),
    ];
    const prometheusUrl = await prometheusWith({ counts });
    expect(await askCheck({ prometheusUrl, target, check: errors }, grid)).toEqual([
      { atMs: 1_000_000, value: 0.05, requests: 200 },
      { atMs: 1_000_100, value: 0.098, requests: 200 },
      { atMs: 1_000_200, value: Number.NaN, requests: 0 },
    ]);
  });

  it("is the canary's P99 and the requests it rests on", async () => {
    const counts = [counted('v2', '200', [1000, '150'], [1000.1, '160'], [1000.2, '170'])];
    const p99s = [
      { metric: { destination_version: 'v1' }, values: [[1000, '200']] satisfies [number, string][] },
      {
        metric: { destination_version: 'v2' },
        values: [
          [1000, 'NaN'],
          [1000.2, '3100'],
        ] satisfies [number, string][],
      },
    ];
    const prometheusUrl = await prometheusWith({ counts, p99s });
    expect(await askCheck({ prometheusUrl, target, check: p99 }, grid)).toEqual([
      { atMs: 1_000_000, value: Number.NaN, requests: 150 },
      { atMs: 1_000_100, value: Number.NaN, requests: 160 },
      { atMs: 1_000_200, value: 3100, requests: 170 },
    ]);
  });

  it('is no figure when Prometheus refuses it', async () => {
    const prometheusUrl = await prometheusWith({ counts: [] }, 'error');
    await expect(askCheck({ prometheusUrl, target, check: errors }, grid)).rejects.toThrow('success');
  });
});
