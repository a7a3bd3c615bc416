import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ClusterPrometheus, clusterMetrics } from '../../src/metrics/clusters.ts';
import { paymentTarget } from '../fakes/rollouts.ts';

const nothing = '{"status":"success","data":{"resultType":"vector","result":[]}}';
const alert = (labels: object) => ({ labels, state: 'firing', activeAt: '2026-01-05T10:00:00Z' });
const alerts = [alert({ alertname: 'A', cluster: 'eu' }), alert({ alertname: 'B', cluster: 'us' })];
const listed = JSON.stringify({
  status: 'success',
  data: { alerts: [...alerts, alert({ alertname: 'C' })] },
});

let folder = '';
let server: Server;
let url = '';
/** What each request was authorized with, and the path that it came by. */
const seen: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-metrics-'));
  server = createServer((request, response) => {
    seen.push(`${request.url?.split('/')[1]} ${request.headers.authorization ?? 'nothing'}`);
    response.setHeader('content-type', 'application/json');
    response.end(request.url?.endsWith('/alerts') === true ? listed : nothing);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => void seen.splice(0));

const never = new AbortController().signal;

function provider(cluster: string, changes: Partial<ClusterPrometheus> = {}): ClusterPrometheus {
  return {
    cluster,
    url: `${url}/${cluster}`,
    auth: { kind: 'none' },
    headers: {},
    scrapeSeconds: 15,
    ...changes,
  };
}

function request(cluster: string) {
  const checks = {
    errors: { metric: 'errorRate', max: 0.01, window: 60, minRequests: 1, failures: 1 },
  } as const;
  return {
    target: { ...paymentTarget, cluster },
    checks,
    at: 1_767_607_200_000,
    incrementSeconds: 0,
    mirrored: false,
  };
}

describe('the metrics of several clusters', () => {
  it('are asked of the Prometheus of the target’s own cluster, each scraped at its own pace', async () => {
    const metrics = clusterMetrics([provider('eu'), provider('us', { scrapeSeconds: 30 })]);
    await metrics.measure(request('us'), never);
    expect(new Set(seen)).toEqual(new Set(['us nothing']));
    expect([metrics.scrapeSeconds('eu'), metrics.scrapeSeconds('us')]).toEqual([15, 30]);
  });

  it('are unavailable with a sentence for a cluster that was taken out of the configuration', async () => {
    const metrics = clusterMetrics([provider('eu')]);
    const { requests } = await metrics.measure(request('us'), never);
    const why = 'the cluster us is not in the configuration of canaryd any more';
    expect(requests).toEqual({ canary: { kind: 'unavailable', why }, stable: { kind: 'unavailable', why } });
    expect(seen).toEqual([]);
    expect(() => metrics.scrapeSeconds('us')).toThrow('the cluster us is not in the configuration');
  });

  it('are asked with the token that stands in its file now', async () => {
    const path = join(folder, 'token');
    const metrics = clusterMetrics([
      provider('eu', { auth: { kind: 'bearer', token: { kind: 'file', path } } }),
      provider('us'),
    ]);
    const missing = await metrics.measure(request('eu'), never);
    expect(missing.requests.canary).toEqual({
      kind: 'unavailable',
      why: `the file ${path} with the credentials of Prometheus cannot be read: ENOENT`,
    });
    expect(await metrics.ready(never)).toMatchObject({
      eu: { ok: false, why: 'its credentials cannot be read' },
      us: { ok: true },
    });
    for (const token of ['first', 'second']) {
      seen.splice(0);
      await writeFile(path, `${token}\n`);
      await metrics.measure(request('eu'), never);
      expect(new Set(seen)).toEqual(new Set([`eu Bearer ${token}`]));
    }
    await writeFile(path, 'two\nlines');
    expect((await metrics.measure(request('eu'), never)).requests.canary).toMatchObject({
      why: `the file ${path} does not hold one line of text: write the secret into it`,
    });
  });

  it('share the queries of one cluster, and of that alone, for as long as its credentials stand', async () => {
    const path = join(folder, 'shared-token');
    await writeFile(path, 'first');
    const auth = { kind: 'bearer', token: { kind: 'file', path } } as const;
    const metrics = clusterMetrics([provider('eu', { auth }), provider('us')]);
    const poll = async (number: number) => {
      seen.splice(0);
      const ask = (cluster: string, name: string) => {
        const { target, at, ...rest } = request(cluster);
        const arm = { ...target.stable, service: { ...target.stable.service, name } };
        const canary = { ...target.canary, service: arm.service };
        const asked = { ...rest, target: { ...target, stable: arm, canary }, at: at + number * 10_000 };
        return metrics.measure(asked, never);
      };
      await Promise.all([ask('eu', 'a'), ask('eu', 'b'), ask('us', 'a')]);
      return ['eu', 'us'].map((cluster) => seen.filter((one) => one.startsWith(cluster)).length);
    };
    // Clock, newest, requests, callers: those of both services but for the clock, which has no service.
    expect(await poll(0)).toEqual([7, 4]);
    expect(await poll(1)).toEqual([4, 4]);
    await writeFile(path, 'second');
    expect(await poll(2)).toEqual([7, 4]);
    expect(new Set(seen)).toContain('eu Bearer second');
  });

  it('tell of the alerts of their own cluster, and of none of another one', async () => {
    const metrics = clusterMetrics([provider('eu'), provider('us')]);
    const namesOf = async (cluster: string) => {
      const found = await metrics.alerts.firing(cluster);
      return found.kind === 'read' ? found.alerts.map(({ labels }) => labels['alertname']) : found.why;
    };
    expect([await namesOf('eu'), await namesOf('us')]).toEqual([
      ['A', 'C'],
      ['B', 'C'],
    ]);
    expect(await namesOf('asia')).toBe('the cluster asia is not in the configuration of canaryd any more');
  });

  it('tell why alerts cannot be read without their credentials', async () => {
    const auth = { kind: 'bearer', token: { kind: 'file', path: join(folder, 'none') } } as const;
    const metrics = clusterMetrics([provider('eu', { auth })]);
    expect(await metrics.alerts.firing('eu')).toMatchObject({ kind: 'unread' });
  });

  it('are asked with user and password', async () => {
    const password = { kind: 'text', text: 'pässword' } as const;
    const metrics = clusterMetrics([provider('eu', { auth: { kind: 'basic', user: 'canaryd', password } })]);
    await metrics.measure(request('eu'), never);
    expect(seen[0]).toMatch(/^eu Basic /);
  });

  it('need an address that is one', () => {
    expect(() => clusterMetrics([provider('eu', { url: 'prometheus:9090' })])).toThrow('http or https URL');
  });
});
