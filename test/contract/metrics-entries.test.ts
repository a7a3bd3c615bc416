import { afterAll, beforeAll, expect, it } from 'vitest';
import { entryTarget } from '../metrics/requests.ts';
import { contractRequest, eventually, noSignal } from './metrics.ts';
import type { Flow } from './metrics-page.ts';
import { istioBounds, type PrometheusWorld, prometheusWorld, windowSeconds } from './metrics-worlds.ts';

const [stable, canary] = ['rates.bank.example', `rates-next.${'a'.repeat(60)}.bank.example`];
const target = entryTarget(stable, canary);

let world: PrometheusWorld;
beforeAll(async () => {
  world = await prometheusWorld();
}, 180_000);
afterAll(() => world.stop());

/**
 * What a caller counts of a host that has no workload known to the mesh: istiod names a service of a ServiceEntry by
 * its host and in the namespace of the ServiceEntry.
 */
function calls(host: string, code: string, perScrape: number, latencyMs: number): Flow {
  const labels = {
    reporter: 'source',
    source_workload: 'gateway',
    destination_workload: 'unknown',
    destination_workload_namespace: 'unknown',
    destination_service: host,
    destination_service_name: host,
    destination_service_namespace: 'bank',
    destination_version: 'unknown',
    response_code: code,
    response_flags: '-',
  };
  return { labels, perScrape, latencyMs, bounds: istioBounds };
}

it('a real Prometheus tells the requests, errors and latency of two hosts of ServiceEntries apart', async () => {
  world.page.set('gateway', [
    calls(stable, '200', 90, 80),
    calls(canary, '200', 8, 2000),
    calls(canary, '503', 2, 2000),
  ]);
  await eventually(async () => {
    const { checks, requests, unattributed } = await world.metrics.measure(
      contractRequest(world, target),
      noSignal,
    );
    const { errorRate, p99 } = checks;
    expect(errorRate?.canary.kind === 'value' && errorRate.canary.value).toBeCloseTo(0.2, 2);
    expect(errorRate?.stable).toMatchObject({ kind: 'value', value: 0 });
    expect(p99?.canary).toMatchObject({ kind: 'value', bucket: { upperMs: 2500 } });
    expect(p99?.stable).toMatchObject({ kind: 'value', bucket: { upperMs: 100 } });
    expect(requests.canary.kind === 'value' && requests.canary.value).toBeGreaterThan(40 * windowSeconds);
    // No answer of such a host names a workload, and none of them is nobody's.
    expect(unattributed).toMatchObject({ kind: 'value', value: 0 });
  });
});
