import { type JsonObject, objectAt } from '../../src/sandbox/json.ts';
import { startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import { fakeMesh, imagesOf, type Where } from '../fakes/mesh.ts';
import {
  edit,
  gatewayObject,
  httpOf,
  namespace,
  remove,
  specOf,
  virtualServiceObject,
  weightsOf,
} from '../traffic/sandbox-mesh.ts';
import { spoiled } from './cluster-hands.ts';
import { service } from './cluster-objects.ts';
import { meshContract } from './mesh-contract.ts';
import type { MeshWorld } from './mesh-world.ts';

meshContract('the fake', openFake);
meshContract('Istio', openIstio);

async function openFake(): Promise<MeshWorld> {
  const mesh = fakeMesh();
  let count = 0;
  return {
    mesh,
    add: (shares) => {
      count += 1;
      const where = { namespace, virtualService: `payment-${count}` };
      mesh.add(where, shares);
      return where;
    },
    setShares: (where, shares) => mesh.setShares(where, shares),
    touch: (where) => mesh.touchByAnotherHand(where),
    remove: (where) => mesh.delete(where),
    recreate: (where, shares) => mesh.recreate(where, shares),
    weights: (where) => Object.values(mesh.at(where)?.shares ?? {}),
    spoilManaged: (where) => mesh.setManagedRoutes(where, mesh.at(where)?.managedRoutes ?? []),
    setReadyPods: (where, subset, ready) =>
      mesh.setReadiness(where, subset, { kind: 'known', ready, total: 2 }),
    pods: {
      redeploy: (where, subset, image) => mesh.setImages(where, subset, imagesOf(image)),
      restart: (where, subset) => mesh.setImages(where, subset, imagesOf(subset, 1, 'restarted')),
    },
    close: async () => undefined,
  };
}

async function openIstio(): Promise<MeshWorld> {
  const sandbox = await startSandbox({ tickMs: 0 });
  const kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  let count = 0;
  const mergeSpec = (where: Where, fields: JsonObject) =>
    edit(sandbox, where, (object) => ({ ...object, spec: { ...objectAt(object, 'spec'), ...fields } }));
  return {
    mesh: istioMesh(kube, { clusterDomain: 'cluster.local' }),
    add: (shares) => {
      count += 1;
      const where = { namespace, virtualService: `payment-${count}` };
      storeObject(sandbox.store, virtualServiceObject(where, shares));
      return where;
    },
    setShares: (where, shares) => {
      const { spec } = virtualServiceObject(where, shares);
      edit(sandbox, where, (object) => ({ ...object, ...(spec === undefined ? {} : { spec }) }));
    },
    touch: (where) => edit(sandbox, where, withNote),
    remove: (where) => remove(sandbox, where),
    recreate: (where, shares) => void storeObject(sandbox.store, virtualServiceObject(where, shares)),
    weights: (where) => weightsOf(sandbox, where),
    spoilManaged: (where) => mergeSpec(where, { http: spoiled(httpOf(sandbox, where)) }),
    objects: {
      spec: (where) => specOf(sandbox, where),
      mergeSpec,
      elsewhere: (weights) => {
        count += 1;
        const where = { namespace: 'edge', virtualService: `gateway-${count}` };
        storeObject(sandbox.store, gatewayObject(where, weights));
        return where;
      },
    },
    http: (where) => httpOf(sandbox, where),
    setReadyPods: (_where, version, readyPods) => sandbox.setVersion(service, version, { readyPods }),
    pods: {
      redeploy: (_where, version, image) => sandbox.redeploy(service, version, image),
      restart: (_where, version) => sandbox.restart(service, version),
    },
    close: async () => {
      await kube.close();
      await sandbox.close();
    },
  };
}

function withNote<Found extends { [name: string]: unknown }>(object: Found): Found {
  return { ...object, metadata: { ...Object(object['metadata']), labels: { touched: 'yes' } } };
}
