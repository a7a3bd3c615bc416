import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { samplesOf } from './samples.ts';

const name = 'payment-service';
const Discovery = z.array(
  z.strictObject({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }),
);

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0, mesh: paymentMesh() });
});
afterEach(() => sandbox.close());

async function targets() {
  return Discovery.parse(await (await fetch(`${sandbox.metricsUrl}/sd`)).json());
}

async function scrape(target: z.infer<typeof Discovery>[number]) {
  const reply = await fetch(`${sandbox.metricsUrl}${target.labels['__metrics_path__']}`);
  return { status: reply.status, text: await reply.text() };
}

describe('the metrics endpoint', () => {
  it('lists one target a pod, istiod and the kubelet, each with its own path and labels', async () => {
    const found = await targets();
    expect(found).toHaveLength(10);
    expect(new Set(found.map((one) => one.labels['__metrics_path__'])).size).toBe(10);
    expect(new Set(found.map((one) => one.labels['instance'])).size).toBe(10);
    expect(found.filter((one) => one.labels['app'] === 'istiod')).toHaveLength(1);
    expect(
      found.filter((one) => one.labels['app'] === name && one.labels['namespace'] === 'payment-prod'),
    ).toHaveLength(6);
  });

  it('serves what each sidecar counted, in a format that parses', async () => {
    sandbox.traffic.tick(10);
    const pages = await Promise.all((await targets()).map(scrape));
    const samples = pages
      .flatMap((page) => samplesOf(page.text))
      .filter((one) => one.name === 'istio_requests_total');
    expect(samples.reduce((sum, one) => sum + one.value, 0)).toBe(12_000);
  });

  it('answers no scrape of a pod that is down, and still lists it', async () => {
    sandbox.setVersion(name, 'v1', { readyPods: 1 });
    const pages = await Promise.all((await targets()).map(scrape));
    expect(pages.filter((page) => page.status !== 200)).toHaveLength(1);
    expect(pages).toHaveLength(10);
  });

  it('answers no scrape at all while metrics are down', async () => {
    sandbox.faults.metricsDown = true;
    const pages = await Promise.all((await targets()).map(scrape));
    expect(new Set(pages.map((page) => page.status))).toEqual(new Set([404]));
  });
});

describe('a running sandbox', () => {
  it('sends requests by itself in real time', async () => {
    const live = await startSandbox({ tickMs: 10 });
    await expect.poll(() => live.traffic.requestsTo('v1')).toBeGreaterThan(10);
    await live.close();
  });

  it('changes how a version answers while it runs', () => {
    sandbox.setVersion(name, 'v1', { errorRate: 1 });
    sandbox.setRequestRate(name, 100);
    sandbox.traffic.tick(1);
    const codes = sandbox.workloads.all().flatMap((pod) => [...sandbox.traffic.telemetryOf(pod).all()]);
    expect(codes.every((series) => series.labels.includes('response_code="500"'))).toBe(true);
    expect(sandbox.traffic.requestsTo('v1')).toBe(100);
  });

  it('refuses a service, version or user that it does not have', () => {
    expect(() => sandbox.setVersion('other', 'v1', { errorRate: 1 })).toThrow('no service other');
    expect(() => sandbox.setVersion(name, 'v9', { errorRate: 1 })).toThrow('no version v9');
    expect(() => sandbox.kubeconfigFor('stranger')).toThrow('no user stranger');
  });

  it('is gone after it was closed', async () => {
    const closed = await startSandbox({ tickMs: 0 });
    await closed.close();
    await expect(fetch(`${closed.metricsUrl}/sd`)).rejects.toThrow();
  });
});
