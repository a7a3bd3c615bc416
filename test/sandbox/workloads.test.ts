import { beforeEach, describe, expect, it } from 'vitest';
import { type JsonObject, textAt } from '../../src/sandbox/json.ts';
import { ledgerMesh } from '../../src/sandbox/ledger-mesh.ts';
import type { Pod } from '../../src/sandbox/pod-objects.ts';
import { endpointSlices, pods, replicaSets, services } from '../../src/sandbox/resources.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { createStore, type ObjectStore } from '../../src/sandbox/store.ts';
import { exposition } from '../../src/sandbox/telemetry.ts';
import { createTraffic, type Traffic } from '../../src/sandbox/traffic.ts';
import { createWorkloads, type Workloads } from '../../src/sandbox/workloads.ts';
import { samplesOf } from './samples.ts';

const namespace = 'ledger-prod';
const fixed = 'example.test/ledger/ledger:green-fixed';
const [service] = ledgerMesh().services;
if (service === undefined) throw new Error('the mesh has no service');

let store: ObjectStore;
let workloads: Workloads;
let traffic: Traffic;

beforeEach(() => {
  const mesh = ledgerMesh();
  const now = () => new Date(0);
  store = createStore({ seed: 1, now });
  workloads = createWorkloads({ store, mesh, now, seed: 1 });
  for (const object of mesh.objects) storeObject(store, object);
  traffic = createTraffic({ store, workloads, mesh, seed: 1, nowMs: () => 0 });
});

const green = (): Pod[] => workloads.ofService(service).filter((pod) => pod.version === 'green');
const imagesNow = () => green().map((pod) => pod.image);
const named = (name: string) => (object: JsonObject) => textAt(object, 'metadata', 'name') === name;

describe('a rolling update', () => {
  it('replaces one pod at a time, all under one new template', () => {
    const [old] = green();
    const replaceOne = workloads.redeployByPod(service, 'green', fixed);
    expect(replaceOne()).toBe(1);
    expect(imagesNow().toSorted()).toEqual([old?.image, fixed].toSorted());
    expect(replaceOne()).toBe(0);
    expect(imagesNow()).toEqual([fixed, fixed]);
    expect(new Set(green().map((pod) => pod.hash)).size).toBe(1);
    expect(replaceOne()).toBe(0);
    expect(green()).toHaveLength(2);
    expect(store.list(pods, namespace)).toHaveLength(4);
  });

  it('leaves the ReplicaSet of the old template behind, without pods', () => {
    const replicas = () =>
      store
        .list(replicaSets, namespace)
        .filter((object) => textAt(object, 'metadata', 'name').startsWith('ledger-green-'))
        .map((object) => JSON.stringify(object).match(/"replicas":(\d+)/)?.[1]);
    expect(replicas()).toEqual(['2']);
    const replaceOne = workloads.redeployByPod(service, 'green', fixed);
    replaceOne();
    expect(replicas()).toEqual(['1', '1']);
    replaceOne();
    expect(replicas().toSorted()).toEqual(['0', '2']);
  });
});

describe('a restart', () => {
  it('keeps the image that runs and changes the template hash', () => {
    workloads.redeploy(service, 'green', fixed);
    const [before] = green();
    workloads.restart(service, 'green');
    expect(imagesNow()).toEqual([fixed, fixed]);
    expect(green()[0]?.hash).not.toBe(before?.hash);
  });
});

describe('a ReplicaSet', () => {
  it('owns the pods of its template and lists the containers that nobody injected', () => {
    const [pod] = green();
    const set = store.list(replicaSets, namespace).find(named(`ledger-green-${pod?.hash}`));
    expect(set).toMatchObject({
      metadata: { labels: { app: 'ledger', version: 'green', 'pod-template-hash': pod?.hash } },
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'ledger', image: expect.stringMatching(`^${pod?.image}@sha256:[0-9a-f]{64}$`) },
            ],
          },
        },
      },
    });
  });
});

describe('versions with a host each', () => {
  it('have a Service and endpoints each, beside those for all', () => {
    const names = store.list(services, namespace).map((object) => textAt(object, 'metadata', 'name'));
    expect(names.toSorted()).toEqual(['ledger', 'ledger-blue', 'ledger-green']);
    workloads.setReadyPods(service, 'green', 1);
    const slice = JSON.stringify(store.list(endpointSlices, namespace).find(named('ledger-green-slice')));
    expect(slice.match(/"targetRef"/g)).toHaveLength(2);
    expect(slice.match(/"ready":false/g)).toHaveLength(1);
  });

  it('get requests by weight; callers name the host they called, pods the service that all share', () => {
    traffic.tick(10);
    expect(traffic.weightsNow()).toEqual({ blue: 100, green: 0 });
    expect([traffic.requestsTo('blue'), traffic.requestsTo('green')]).toEqual([1000, 0]);
    const seen = workloads
      .all()
      .flatMap((pod) => samplesOf(exposition(traffic.telemetryOf(pod))))
      .map(
        ({ labels }) =>
          `${labels['reporter']} ${labels['destination_service']} ${labels['destination_version']}`,
      );
    expect([...new Set(seen)].toSorted()).toEqual([
      'destination ledger.ledger-prod.svc.cluster.local blue',
      'source ledger-blue.ledger-prod.svc.cluster.local blue',
    ]);
  });
});
