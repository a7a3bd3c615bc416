import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Target } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { allWays } from '../../src/traffic/all-ways.ts';
import { unavailable } from '../../src/traffic/api-answer.ts';
import { findOtherRoutes } from '../../src/traffic/find-other-routes.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { service } from '../contract/cluster-objects.ts';
import { paymentTarget } from '../fakes/rollouts.ts';
import { namespace, virtualServiceObject } from './sandbox-mesh.ts';

const clusterDomain = 'cluster.local';
const host = `${service}.${namespace}.svc.${clusterDomain}`;
const arm = (version: string) => ({
  host,
  subset: version,
  service: { name: service, namespace },
  version,
  podLabels: { app: service, version },
});
const target: Target = { ...paymentTarget, stable: arm('v1'), canary: arm('v2') };

let sandbox: Sandbox;
let kube: Kube;

beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
});
afterEach(async () => {
  await kube.close();
  await sandbox.close();
});

function find(over: Partial<Kube> = {}, signal: AbortSignal = AbortSignal.timeout(5000)) {
  const asked = { ...kube, ...over };
  return findOtherRoutes(
    { kube: asked, clusterDomain, allWays: allWays({ kube: asked, clusterDomain }) },
    target,
    signal,
  );
}

function store(name: string, spec: object, where = namespace): void {
  storeObject(sandbox.store, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: where },
    spec: { hosts: [`${name}.test`], ...spec },
  });
}

const toCanary = { destination: { host, subset: 'v2' } };

/** What the user canaryd may do from now on. */
function allow(rule: { resources: string[]; namespaces?: string[] }): void {
  const index = sandbox.users.findIndex(({ name }) => name === 'canaryd');
  const [user] = sandbox.users.slice(index);
  if (user === undefined) throw new Error('the sandbox has no user canaryd');
  const rules = [{ verbs: ['get', 'list'], groups: ['*'], ...rule }];
  sandbox.users.splice(index, 1, { ...user, rules });
}

const everything = ['virtualservices', 'services', 'destinationrules', 'pods'];

describe('what else sends requests to the canary of a cluster', () => {
  it('is nothing beside the route of the rollout', async () => {
    expect(await find()).toEqual({ routes: [], more: 0, direct: null, unknown: [] });
  });

  it('is found in every namespace, on whatever page it stands', async () => {
    for (let index = 0; index < 250; index += 1)
      storeObject(
        sandbox.store,
        virtualServiceObject({ namespace: 'crowd', virtualService: `one-${index}` }, { v1: 100, v2: 0 }),
      );
    store('zebra', { http: [{ name: 'all', route: [toCanary] }] }, 'zoo');
    expect((await find()).routes).toMatchObject([
      { namespace: 'zoo', virtualService: 'zebra', route: 'all' },
    ]);
  });

  it('is a service that selects its pods, by what the cluster says of it', async () => {
    for (const [name, app] of [
      ['everything', service],
      ['other', 'other'],
    ] as const) {
      storeObject(sandbox.store, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { selector: { app } },
      });
    }
    const http = ['everything', 'other', 'gone'].map((name) => ({
      route: [{ destination: { host: name } }],
    }));
    store('wide', { http });
    expect((await find()).routes.map(({ match }) => match)).toEqual([
      "every request; to everything, which selects the canary's pods too",
    ]);
  });

  it('is unknown for other namespaces where only those of the rollout may be listed', async () => {
    store('near', { http: [{ route: [toCanary] }] });
    store('far', { http: [{ route: [toCanary] }] }, 'zoo');
    allow({ resources: everything, namespaces: [namespace] });
    const { routes, unknown } = await find();
    expect(routes.map(({ virtualService }) => virtualService)).toEqual(['near']);
    expect(unknown).toEqual([
      {
        namespace: null,
        why: expect.stringMatching(
          /^only the VirtualServices of payment-prod were listed: the API server answered 403/,
        ),
      },
    ]);
  });

  it('is unknown, and never nothing, where no VirtualService may be listed', async () => {
    allow({ resources: ['services', 'pods', 'destinationrules'] });
    const { routes, unknown } = await find();
    expect(routes).toEqual([]);
    expect(unknown.map((one) => one.namespace)).toEqual([null, namespace]);
  });

  it('is unknown for what the labels of subsets select, where DestinationRules may not be read', async () => {
    store('near', { http: [{ route: [{ destination: { host, subset: 'v3' } }] }] });
    allow({ resources: ['virtualservices', 'services', 'pods'] });
    expect((await find()).unknown).toEqual([
      { namespace, why: expect.stringContaining('the DestinationRules could not be read') },
    ]);
  });

  it('is unknown when the API server is gone or slow, and nobody waits for it', async () => {
    sandbox.faults.apiDown = true;
    expect((await find()).unknown[0]?.why).toMatch(/^the VirtualServices could not be listed: /);
    sandbox.faults.apiDown = false;
    const never: Kube['listVirtualServices'] = () => new Promise(() => undefined);
    expect(await find({ listVirtualServices: never }, AbortSignal.timeout(50))).toMatchObject({
      routes: [],
      unknown: [{ namespace: null, why: expect.stringContaining('not read in the time there was') }],
    });
  });

  it('keeps what was read before the time was up', async () => {
    store('near', { http: [{ route: [toCanary] }] });
    const first = await kube.listVirtualServices({ namespace: null, after: null }, AbortSignal.timeout(5000));
    const { routes, unknown } = await find({
      listVirtualServices: async ({ after }) => {
        if (after !== null || first.kind !== 'found') return unavailable('timeout', 'no answer in 3 s');
        return { ...first, value: { ...first.value, next: 'more' } };
      },
    });
    expect(routes).toHaveLength(1);
    expect(unknown.map(({ why }) => why)).toEqual([
      'the VirtualServices could not be listed: no answer in 3 s',
    ]);
  });
});

describe('a hundred that ask at the same time', () => {
  it('share a list that begins after all of them have asked', async () => {
    let lists = 0;
    const open: (() => void)[] = [];
    const listVirtualServices: Kube['listVirtualServices'] = async () => {
      lists += 1;
      await new Promise<void>((resolve) => open.push(resolve));
      return { kind: 'found', value: { items: [], next: null } };
    };
    const ask = allWays({ kube: { listVirtualServices }, clusterDomain, restMs: 0 });
    const late = () => new AbortController().signal;
    const first = ask(null, late());
    const rest = Array.from({ length: 99 }, () => ask(null, late()));
    const elsewhere = ask('shop', late());
    expect(lists).toBe(2);
    for (const resolve of open.splice(0)) resolve();
    await Promise.all([first, elsewhere]);
    await expect.poll(() => open.length).toBe(1);
    for (const resolve of open.splice(0)) resolve();
    await Promise.all(rest);
    expect(lists).toBe(3);
  });
});
