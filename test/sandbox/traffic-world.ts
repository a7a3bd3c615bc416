import type { JsonObject } from '../../src/sandbox/json.ts';
import { applyJsonPatch } from '../../src/sandbox/json-patch.ts';
import type { MeshSpec, ServiceSpec } from '../../src/sandbox/mesh-spec.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { createStore, type ObjectStore } from '../../src/sandbox/store.ts';
import { exposition } from '../../src/sandbox/telemetry.ts';
import { createTraffic, type Traffic } from '../../src/sandbox/traffic.ts';
import { createWorkloads, type Workloads } from '../../src/sandbox/workloads.ts';
import { type Sample, samplesOf } from './samples.ts';

export const name = 'payment-service';
export const key = { type: virtualServices, namespace: 'payment-prod', name };

/** A mesh without an API server, whose time goes on by `run` alone. */
export type World = { store: ObjectStore; workloads: Workloads; traffic: Traffic; service: ServiceSpec };

export function world(seed = 1, mesh: MeshSpec = paymentMesh()): World {
  const now = () => new Date('2026-01-01T00:00:00Z');
  const store = createStore({ seed, now });
  const workloads = createWorkloads({ store, mesh, now, seed });
  for (const object of mesh.objects) storeObject(store, object);
  const traffic = createTraffic({ store, workloads, mesh, seed, nowMs: () => now().getTime() });
  const [service] = mesh.services;
  if (service === undefined) throw new Error('the mesh of this test has no service');
  return { store, workloads, traffic, service };
}

export function setWeights({ store }: World, ...weights: number[]): void {
  const operations = weights.map((value, index) => ({
    op: 'replace',
    path: `/spec/http/0/route/${index}/weight`,
    value,
  }));
  edit(store, operations);
}

export function edit(store: ObjectStore, operations: JsonObject[]): void {
  const result = applyJsonPatch(store.get(key) ?? {}, JSON.stringify(operations));
  if (result.kind !== 'patched') throw new Error(`the edit of this test is ${result.kind}`);
  storeObject(store, JSON.parse(JSON.stringify(result.value)));
}

/** Simulated time in the ticks of the running sandbox. */
export function run({ traffic }: World, seconds: number): void {
  for (let tick = 0; tick < Math.round(seconds / 0.05); tick += 1) traffic.tick(0.05);
}

export function samples({ workloads, traffic }: World): Sample[] {
  return workloads.all().flatMap((pod) => samplesOf(exposition(traffic.telemetryOf(pod))));
}

export function total(found: readonly Sample[], metric: string, labels: Record<string, string>): number {
  const fits = (one: Sample) => Object.entries(labels).every(([label, value]) => one.labels[label] === value);
  return found.filter((one) => one.name === metric && fits(one)).reduce((sum, one) => sum + one.value, 0);
}
