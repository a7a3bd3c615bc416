import { beforeEach, describe, expect, it } from 'vitest';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { destinationRules, endpointSlices, pods as podType } from '../../src/sandbox/resources.ts';
import { durationBucketsMs, exposition } from '../../src/sandbox/telemetry.ts';
import { samplesOf } from './samples.ts';
import { edit, key, name, run, samples, setWeights, total, type World, world } from './traffic-world.ts';

let mesh: World;
beforeEach(() => {
  mesh = world();
});

describe('the split of the traffic', () => {
  it('follows the weights of the VirtualService', () => {
    setWeights(mesh, 90, 10, 0);
    run(mesh, 60);
    const { traffic } = mesh;
    expect(traffic.requestsTo('v1') + traffic.requestsTo('v2')).toBe(36_000);
    expect(traffic.requestsTo('v2') / 36_000).toBeCloseTo(0.1, 2);
    expect(traffic.requestsTo('v3')).toBe(0);
  });

  it('follows a changed weight within 0.2 seconds', () => {
    run(mesh, 10);
    expect(mesh.traffic.lastRequestAt('v2')).toBeNull();
    setWeights(mesh, 0, 100, 0);
    const changedAt = mesh.traffic.simulatedSeconds();
    run(mesh, 0.2);
    expect(mesh.traffic.requestsTo('v2')).toBe(120);
    expect(mesh.traffic.lastRequestAt('v1')?.simulatedSeconds).toBeLessThanOrEqual(changedAt);
  });

  it('stays as it was while the proxies of the callers hear nothing, and follows when they do', () => {
    setWeights(mesh, 100, 0, 0);
    mesh.traffic.setDeaf(name, true);
    setWeights(mesh, 0, 100, 0);
    run(mesh, 10);
    expect([mesh.traffic.requestsTo('v2'), mesh.traffic.weightsNow()]).toEqual([
      0,
      { v1: 0, v2: 100, v3: 0 },
    ]);
    const before = mesh.traffic.requestsTo('v1');
    mesh.traffic.setDeaf(name, false);
    run(mesh, 10);
    expect(mesh.traffic.requestsTo('v1')).toBe(before);
  });

  it('takes weights as shares, whatever they add up to', () => {
    setWeights(mesh, 3, 1, 0);
    run(mesh, 60);
    expect(mesh.traffic.requestsTo('v2') / 36_000).toBeCloseTo(0.25, 2);
  });

  it('is the same for the same seed and another for another', () => {
    const counts = (seed: number) => {
      const own = world(seed);
      setWeights(own, 50, 30, 20);
      run(own, 5);
      return [own.traffic.requestsTo('v1'), own.traffic.requestsTo('v2'), samples(own)];
    };
    expect(counts(7)).toEqual(counts(7));
    expect(counts(7)).not.toEqual(counts(8));
  });

  it('sends the same number of requests however the time is cut', () => {
    for (let tick = 0; tick < 1000; tick += 1) mesh.traffic.tick(0.0123);
    expect(mesh.traffic.requestsTo('v1')).toBe(7380);
  });

  it('changes with the request rate', () => {
    mesh.traffic.setRequestRate(name, 2);
    run(mesh, 10);
    expect(mesh.traffic.requestsTo('v1')).toBe(20);
  });

  it('goes by the first route that a plain request matches', () => {
    const route = [{ destination: { host: name, subset: 'v3' } }];
    edit(mesh.store, [
      {
        op: 'add',
        path: '/spec/http/0',
        value: { match: [{ headers: { canary: { exact: 'yes' } } }], route },
      },
    ]);
    expect(mesh.traffic.weightsNow()).toEqual({ v1: 100, v2: 0, v3: 0 });
    edit(mesh.store, [{ op: 'replace', path: '/spec/http/0/match', value: [{ uri: { prefix: '/' } }] }]);
    expect(mesh.traffic.weightsNow()).toEqual({ v3: 1 });
  });

  it('falls back to every pod of the Service when the VirtualService is gone', () => {
    mesh.store.remove(key);
    run(mesh, 5);
    const reached = samples(mesh).filter(
      (one) => one.name === 'istio_requests_total' && one.labels['reporter'] === 'destination',
    );
    expect(new Set(reached.map((one) => one.labels['destination_version']))).toEqual(
      new Set(['v1', 'v2', 'v3']),
    );
  });
});

describe('the metrics of the sidecars', () => {
  it('appear with the first request only', () => {
    expect(samples(mesh)).toEqual([]);
    run(mesh, 1);
    expect(new Set(samples(mesh).map((one) => one.labels['destination_version']))).toEqual(new Set(['v1']));
  });

  it('count every request once at the caller and once at the pod that served it', () => {
    run(mesh, 10);
    const found = samples(mesh);
    expect(total(found, 'istio_requests_total', { reporter: 'source' })).toBe(6000);
    expect(total(found, 'istio_requests_total', { reporter: 'destination' })).toBe(6000);
    expect(total(found, 'istio_request_duration_milliseconds_count', { reporter: 'destination' })).toBe(6000);
  });

  it('spread over the pods of a version', () => {
    run(mesh, 10);
    const [first, second] = mesh.workloads.ofService(mesh.service);
    const count = (pod: typeof first) =>
      pod && total(samplesOf(exposition(mesh.traffic.telemetryOf(pod))), 'istio_requests_total', {});
    expect(Number(count(first)) + Number(count(second))).toBe(6000);
    expect(Number(count(first))).toBeGreaterThan(2500);
  });

  it('hold every bucket of Istio, cumulative, and +Inf equal to the count', () => {
    run(mesh, 10);
    const one = samples(mesh).filter(
      (sample) => sample.labels['reporter'] === 'destination' && sample.labels['response_code'] === '200',
    );
    const pod = one
      .filter((sample) => sample.name.endsWith('_bucket'))
      .slice(0, durationBucketsMs.length + 1);
    expect(pod.map((sample) => sample.labels['le'])).toEqual([...durationBucketsMs.map(String), '+Inf']);
    const values = pod.map((sample) => sample.value);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.at(-1)).toBe(one.find((sample) => sample.name.endsWith('_count'))?.value);
  });

  it('hold the buckets that a service has of its own', () => {
    const durationBucketsMs = [50, 250, 1000];
    const { services, objects } = paymentMesh();
    const own = world(1, { services: services.map((one) => ({ ...one, durationBucketsMs })), objects });
    run(own, 1);
    const atService = samples(own).filter(({ labels }) => labels['reporter'] === 'destination');
    const bounds = new Set(atService.flatMap(({ labels }) => labels['le'] ?? []));
    expect([...bounds]).toEqual(['50', '250', '1000', '+Inf']);
  });

  it('show the median and the 99th percentile that were set', () => {
    mesh.traffic.setBehaviour(name, 'v1', { medianMs: 100, p99Ms: 1000 });
    run(mesh, 60);
    const found = samples(mesh);
    const below = (le: string) =>
      total(found, 'istio_request_duration_milliseconds_bucket', { reporter: 'destination', le }) / 36_000;
    expect(below('100')).toBeCloseTo(0.5, 2);
    expect(below('1000')).toBeCloseTo(0.99, 2);
  });

  it('show the error rate that was set', () => {
    mesh.traffic.setBehaviour(name, 'v1', { errorRate: 0.05 });
    run(mesh, 60);
    const errors = total(samples(mesh), 'istio_requests_total', {
      reporter: 'destination',
      response_code: '500',
    });
    expect(errors / 36_000).toBeCloseTo(0.05, 2);
  });

  it('carry the labels of both ends', () => {
    run(mesh, 1);
    const [sample] = samples(mesh).filter((one) => one.labels['reporter'] === 'destination');
    expect(sample?.labels).toMatchObject({
      source_workload: 'order-service',
      source_workload_namespace: 'order-prod',
      destination_service: 'payment-service.payment-prod.svc.cluster.local',
      destination_service_namespace: 'payment-prod',
      destination_version: 'v1',
      destination_canonical_revision: 'v1',
      response_flags: '-',
      connection_security_policy: 'mutual_tls',
    });
  });
});

describe('a version without a ready pod', () => {
  beforeEach(() => {
    setWeights(mesh, 50, 50, 0);
    mesh.workloads.setReadyPods(mesh.service, 'v2', 0);
    run(mesh, 10);
  });

  it('fails with 503 UH, which only the caller sees, without a workload or version', () => {
    const unhealthy = samples(mesh).filter(
      (one) => one.labels['response_flags'] === 'UH' && one.name === 'istio_requests_total',
    );
    expect(unhealthy.reduce((sum, one) => sum + one.value, 0)).toBe(mesh.traffic.requestsTo('v2'));
    for (const { labels } of unhealthy) {
      expect(labels).toMatchObject({
        reporter: 'source',
        response_code: '503',
        destination_workload: 'unknown',
        destination_version: 'unknown',
        destination_service_name: name,
      });
    }
  });

  it('loses readiness in its Pods, its EndpointSlice and nothing else', () => {
    const ready = mesh.store
      .list(podType, 'payment-prod')
      .map((pod) => JSON.stringify(pod).includes('"type":"Ready","status":"True"'));
    expect(ready.filter(Boolean)).toHaveLength(4);
    const [slice] = mesh.store.list(endpointSlices, 'payment-prod');
    expect(JSON.stringify(slice).match(/"ready":false/g)).toHaveLength(2);
  });

  it('counts from zero again after it is back', () => {
    mesh.workloads.setReadyPods(mesh.service, 'v2', 2);
    const restarted = mesh.workloads.ofService(mesh.service).filter((pod) => pod.version === 'v2');
    expect(restarted.map((pod) => [pod.ready, exposition(mesh.traffic.telemetryOf(pod))])).toEqual([
      [true, ''],
      [true, ''],
    ]);
  });
});

describe('the pods of a version', () => {
  const ofV2 = () => mesh.workloads.ofService(mesh.service).filter((pod) => pod.version === 'v2');

  it('get new names, a new template hash and a new digest when it is redeployed', () => {
    const before = ofV2();
    mesh.workloads.redeploy(mesh.service, 'v2', 'example.test/payments/payment-service:v2-fixed');
    const after = ofV2();
    expect(after).toHaveLength(2);
    expect(after.map((pod) => pod.name)).not.toEqual(before.map((pod) => pod.name));
    expect(after[0]?.hash).not.toBe(before[0]?.hash);
    expect(mesh.store.list(podType, 'payment-prod')).toHaveLength(6);
  });

  it('keep their template hash when more of them are started', () => {
    mesh.workloads.setReadyPods(mesh.service, 'v2', 4);
    expect(ofV2()).toHaveLength(4);
    expect(new Set(ofV2().map((pod) => pod.hash)).size).toBe(1);
  });

  it('are unreachable when no DestinationRule knows their subset', () => {
    setWeights(mesh, 50, 50, 0);
    mesh.store.remove({ ...key, type: destinationRules });
    run(mesh, 1);
    expect(total(samples(mesh), 'istio_requests_total', { response_flags: 'NC' })).toBe(600);
  });
});
