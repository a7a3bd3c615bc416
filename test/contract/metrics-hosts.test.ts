import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { Metrics } from '../../src/rollout/ports/metrics.ts';
import type { Target } from '../../src/rollout/target.ts';
import { ledgerMesh } from '../../src/sandbox/ledger-mesh.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import { contractChecks, eventually, noSignal } from './metrics.ts';
import { windowSeconds } from './metrics-worlds.ts';

const scrapeSeconds = 0.2;

let sandbox: Sandbox;
let metrics: Metrics;
let target: Target;
let stop: () => Promise<void>;

/** A real Prometheus on a mesh whose two versions have a host each, beside a service that has all their pods. */
beforeAll(async () => {
  sandbox = await startSandbox({ mesh: ledgerMesh() });
  sandbox.setRequestRate('ledger', 2000);
  setWeights(80, 20);
  const log = () => undefined;
  const { binary } = await ensurePrometheus({ log });
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log });
  metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds });
  target = await resolveAtRest();
  stop = async () => {
    await prometheus.stop();
    await sandbox.close();
  };
}, 180_000);
afterAll(() => stop());

function setWeights(blue: number, green: number): void {
  const [object] = ledgerMesh().objects;
  const weighted = JSON.stringify(object)
    .replace('"weight":100', `"weight":${blue}`)
    .replace('"weight":0', `"weight":${green}`);
  storeObject(sandbox.store, JSON.parse(weighted));
}

async function resolveAtRest(): Promise<Target> {
  setWeights(100, 0);
  const kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  const where = { cluster: 'default', namespace: 'ledger-prod', virtualService: 'ledger' };
  const resolution = await istioMesh(kube, { clusterDomain: 'cluster.local' }).resolve(where, noSignal);
  await kube.close();
  setWeights(80, 20);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return resolution.target;
}

const measure = () =>
  metrics.measure(
    { target, checks: contractChecks, at: Date.now(), incrementSeconds: 1, mirrored: false },
    noSignal,
  );

describe('a real Prometheus, of destinations that have a host each', () => {
  it('finds the requests, the errors and the latency of each', async () => {
    sandbox.setVersion('ledger', 'green', { errorRate: 0.5, medianMs: 700, p99Ms: 2000 });
    await eventually(async () => {
      const { checks, requests, increments } = await measure();
      const { canary, stable } = checks['errorRate'] ?? {};
      expect(canary?.kind === 'value' && canary.value).toBeCloseTo(0.5, 1);
      expect(stable?.kind === 'value' && stable.value).toBeLessThan(0.01);
      expect(checks['p99']?.canary).toMatchObject({ kind: 'value', bucket: { upperMs: 2500 } });
      expect(checks['p99']?.stable).toMatchObject({ kind: 'value', bucket: { upperMs: 250 } });
      const [ofCanary, ofStable] = [requests.canary, requests.stable].map((one) =>
        one.kind === 'value' ? one.value : Number.NaN,
      );
      expect(Number(ofCanary) / (Number(ofCanary) + Number(ofStable))).toBeCloseTo(0.2, 1);
      expect(ofCanary).toBeGreaterThan(100 * windowSeconds);
      expect(increments.canary?.errors).toBeGreaterThan(0);
    });
  });

  it('finds a canary without a ready pod: its callers fail, and name its service', async () => {
    sandbox.setVersion('ledger', 'green', { readyPods: 0 });
    await eventually(async () => {
      const { checks, unattributed } = await measure();
      expect(checks['errorRate']?.canary).toMatchObject({ kind: 'value', value: 1 });
      expect(checks['errorRate']?.stable.kind).toBe('value');
      expect(unattributed.kind === 'value' && unattributed.value).toBeCloseTo(0.2, 1);
    });
    sandbox.setVersion('ledger', 'green', { readyPods: 2, errorRate: 0 });
  });

  it('finds 0 requests of a canary that has no weight any more', async () => {
    setWeights(100, 0);
    await eventually(async () => {
      const { checks, requests } = await measure();
      expect(requests.canary).toEqual({ kind: 'value', value: 0, requests: 0 });
      expect(checks['errorRate']?.canary).toEqual({ kind: 'none' });
      expect(checks['errorRate']?.stable.kind).toBe('value');
    });
  });
});
