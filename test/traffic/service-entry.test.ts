import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rolloutService } from '../../src/rollout/service.ts';
import { Target } from '../../src/rollout/target.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { ledgerMesh } from '../../src/sandbox/ledger-mesh.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { bankPlan, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { edit } from './sandbox-mesh.ts';

const where = { cluster: 'default', namespace: 'ledger-prod', virtualService: 'ledger' };
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
const signal = new AbortController().signal;
const [oldHost, newHost] = ['rates.bank.example', 'rates-next.bank.example'];
const ofCanary = 'spec.http[0].route[1].destination.host';

let sandbox: Sandbox;
let kube: Kube;
let mesh: ReturnType<typeof istioMesh>;

beforeEach(async () => {
  sandbox = await startSandbox({ mesh: ledgerMesh(), tickMs: 0 });
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig }, { readTimeoutMs: 1000 });
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
});

afterEach(async () => {
  await kube.close();
  await sandbox.close();
});

/** The route's hosts, which are ledger-blue and ledger-green otherwise. */
function routeTo(stable: string, canary: string, subsets: [string, string] | null = null): void {
  const destination = (host: string, subset: string | undefined) =>
    JSON.stringify({ host, ...(subset === undefined ? {} : { subset }) });
  edit(sandbox, where, (object) =>
    JSON.parse(
      JSON.stringify(object)
        .replace('{"host":"ledger-blue"}', destination(stable, subsets?.[0]))
        .replace('{"host":"ledger-green"}', destination(canary, subsets?.[1])),
    ),
  );
}

function register(name: string, hosts: string[], more: JsonObject = {}, namespace = where.namespace): void {
  storeObject(sandbox.store, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace },
    spec: { hosts, ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }], resolution: 'DNS', ...more },
  });
}

/** canaryd may read everything but the ServiceEntries of other namespaces than these. */
function mayListEntriesIn(namespaces: string[]): void {
  const user = sandbox.users.find(({ name }) => name === 'canaryd');
  if (user === undefined) throw new Error('the sandbox has no user canaryd');
  const rest = ['virtualservices', 'services', 'destinationrules', 'pods', 'replicasets'];
  const verbs = ['get', 'list', 'patch'];
  const rules = [
    { verbs, groups: ['*'], resources: rest },
    { verbs, groups: ['*'], resources: ['serviceentries'], namespaces },
  ];
  sandbox.users.splice(sandbox.users.indexOf(user), 1, { ...user, rules });
}

async function resolved(): Promise<Target> {
  const resolution = await mesh.resolve(where, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return resolution.target;
}

async function look(target: Target) {
  const view = await mesh.look(target, signal);
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

/** Expects the canary's host to be refused, with a sentence that holds all of these. */
async function expectRefused(...words: string[]): Promise<void> {
  const resolution = await mesh.resolve(where, signal);
  expect(resolution).toMatchObject({ kind: 'shape', fault: { code: 'service-not-found', path: ofCanary } });
  for (const one of words) {
    expect(resolution).toMatchObject({ fault: { message: expect.stringContaining(one) } });
  }
}

describe('a split between hosts of ServiceEntries', () => {
  beforeEach(() => {
    routeTo(oldHost, newHost);
    register('rates', [oldHost]);
    register('rates-next', [newHost]);
  });

  it('is moved there and back as one between services is, without pods to look at', async () => {
    const target = await resolved();
    const arm = (host: string) => ({
      host,
      subset: null,
      service: { name: host, namespace: where.namespace },
      version: host,
      podLabels: null,
    });
    expect(target).toMatchObject({ stable: arm(oldHost), canary: arm(newHost), stableReadyAtStart: null });
    expect(await mesh.write(target, await look(target), write, signal)).toEqual({
      kind: 'applied',
      canaryShare: 5,
    });
    const back = { share: 0, rolloutId: 'ro_1', epoch: 2, end: true };
    expect((await mesh.write(target, await look(target), back, signal)).kind).toBe('applied');
    expect((await look(target)).canaryShare).toBe(0);
  });

  it('never takes all pods of the namespace for its own: who is ready and what runs is unknown, and why', async () => {
    const { readiness, images } = await look(await resolved());
    const unknown = (host: string) => ({
      kind: 'unknown',
      why: `${host} is a host of a ServiceEntry that selects no pods, so that there are none to look at`,
    });
    const both = { stable: unknown(oldHost), canary: unknown(newHost) };
    expect({ readiness, images }).toEqual({ readiness: both, images: both });
  });

  it('asks for no pods at all', async () => {
    const asked: string[] = [];
    const listPods: Kube['listPods'] = (...all) => {
      asked.push(all[0]);
      return kube.listPods(...all);
    };
    const counted = istioMesh({ ...kube, listPods }, { clusterDomain: 'cluster.local' });
    const target = await resolved();
    await Promise.all([
      counted.resolve(where, signal),
      counted.look(target, signal),
      counted.otherRoutes(target, signal),
    ]);
    expect(asked).toEqual([]);
  });

  it('is looked at for what else reaches the canary, and finds no pod of it elsewhere', async () => {
    const found = await mesh.otherRoutes(await resolved(), signal);
    expect(found).toMatchObject({ routes: [], unknown: [] });
  });

  it('is stored and read back as it is', async () => {
    const target = await resolved();
    expect(Target.parse(JSON.parse(JSON.stringify(target)))).toEqual(target);
  });

  it('would start, and the dry run says what is not watched', async () => {
    const metrics = fakeMetrics();
    metrics.set('canary', mood.idle);
    const service = rolloutService({
      surroundings: darkSurroundings(),
      clusters: ['default'],
      mesh,
      metrics,
      rollouts: memoryStore({ now: () => start }),
      holds: { standing: async () => [] },
      newId: () => rolloutId(1),
      deadline: (ms) => AbortSignal.timeout(ms),
    });
    const request = { target: where, plan: bankPlan, reason: null };
    const alice = { kind: 'person' as const, name: 'alice' };
    expect(await service.preview(request, alice)).toMatchObject({
      kind: 'preview',
      obstacle: null,
      rollout: { identity: null },
      warnings: expect.arrayContaining([
        expect.stringContaining(`Behind ${oldHost} and ${newHost} are no pods to look at`),
      ]),
    });
  });

  it('shows in the survey of its VirtualService as one that may start', async () => {
    expect(await mesh.survey(where, signal)).toMatchObject({
      routes: [{ start: { kind: 'ready', canary: { host: newHost } } }],
    });
  });
});

describe('a host of a ServiceEntry', () => {
  beforeEach(() => routeTo('ledger-blue', newHost));

  it('may stand beside a service', async () => {
    register('rates', [newHost]);
    expect(await resolved()).toMatchObject({
      stable: { service: { name: 'ledger-blue' }, podLabels: { version: 'blue' } },
      canary: { service: { name: newHost }, podLabels: null },
      stableReadyAtStart: 2,
    });
  });

  it('has the pods that its workloadSelector selects, in its namespace', async () => {
    register('rates', [newHost], {
      resolution: 'STATIC',
      workloadSelector: { labels: { app: 'ledger', version: 'green' } },
    });
    const target = await resolved();
    expect(target.canary).toMatchObject({ version: 'green', podLabels: { app: 'ledger', version: 'green' } });
    expect((await look(target)).readiness.canary).toEqual({ kind: 'known', ready: 2, total: 2 });
  });

  it('with a workloadSelector of no labels has no pods', async () => {
    register('rates', [newHost], { resolution: 'STATIC', workloadSelector: { labels: {} } });
    expect((await resolved()).canary.podLabels).toBeNull();
  });

  it('that selects the pods of stable is refused', async () => {
    register('rates', [newHost], {
      resolution: 'STATIC',
      workloadSelector: { labels: { app: 'ledger', version: 'blue' } },
    });
    expect(await mesh.resolve(where, signal)).toMatchObject({
      fault: {
        code: 'unsupported-shape',
        path: ofCanary,
        message: expect.stringContaining('select the same pods'),
      },
    });
  });

  it('may be listed in another namespace, which its metrics name', async () => {
    register('rates', [newHost], { exportTo: ['*'] }, 'egress');
    expect((await resolved()).canary.service).toEqual({ name: newHost, namespace: 'egress' });
  });

  it('may have two labels only, which a service and its namespace have, too', async () => {
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace(newHost, 'rates.example')));
    await expectRefused('there is no service rates in the namespace example', 'no ServiceEntry lists it');
    register('rates', ['rates.example']);
    expect((await resolved()).canary).toMatchObject({
      service: { name: 'rates.example', namespace: where.namespace },
      podLabels: null,
    });
  });

  it('may have 253 characters', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.bank.test`;
    expect(long).toHaveLength(253);
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace(newHost, long)));
    register('rates', [long]);
    const target = await resolved();
    expect(target.canary).toMatchObject({ version: long, service: { name: long } });
    expect(Target.parse(JSON.parse(JSON.stringify(target)))).toEqual(target);
  });

  it.each([
    ['is too long', `${'a.'.repeat(125)}test`],
    ['could end the string of a query', 'rates".bank.example'],
  ])('is refused when it %s', async (_name, host) => {
    edit(sandbox, where, (object) =>
      JSON.parse(JSON.stringify(object).replace(newHost, JSON.stringify(host).slice(1, -1))),
    );
    register('rates', [host]);
    await expectRefused('no host name of at most 253 characters');
  });
});

describe('a host is refused with what to mend', () => {
  beforeEach(() => routeTo('ledger-blue', newHost));

  it('when nothing lists it', async () => {
    await expectRefused(`${newHost} is no Kubernetes service of this cluster`, 'no ServiceEntry lists it');
  });

  it('when ServiceEntries may not be listed', async () => {
    mayListEntriesIn([]);
    await expectRefused('allow canaryd to list serviceentries (networking.istio.io) in ledger-prod');
  });

  it('when only those of its own namespace may be listed and another may have it', async () => {
    register('rates', [newHost], {}, 'egress');
    mayListEntriesIn([where.namespace]);
    await expectRefused('no ServiceEntry of the namespace ledger-prod lists it', 'in all namespaces');
    register('rates', [newHost]);
    expect((await resolved()).canary.service.namespace).toBe('ledger-prod');
  });

  it.each([[['.']], [['shop', 'billing']], [['~']]])('when it is exported to %j only', async (exportTo) => {
    register('rates', [newHost], { exportTo }, 'egress');
    await expectRefused('egress/rates', 'is not exported to ledger-prod: add ledger-prod to its exportTo');
  });

  it.each([
    [['.']],
    [['ledger-prod']],
    [['*']],
    [[]],
  ])('but not when it is exported to %j', async (exportTo) => {
    register('rates', [newHost], { exportTo });
    expect((await resolved()).canary.service.name).toBe(newHost);
  });

  it('when another VirtualService of the target is where it is not exported to', async () => {
    register('rates', [newHost], { exportTo: ['.'] });
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace('ledger-blue', oldHost)));
    register('rates-old', [oldHost]);
    const own = sandbox.store.get({ type: virtualServices, namespace: where.namespace, name: 'ledger' });
    const metadata = { name: 'public', namespace: 'gateways' };
    storeObject(sandbox.store, { ...own, metadata });
    const also = [{ namespace: 'gateways', virtualService: 'public' }];
    expect(await mesh.resolve({ ...where, also }, signal)).toMatchObject({
      fault: { path: ofCanary, message: expect.stringContaining('is not exported to gateways') },
    });
    register('rates', [newHost], { exportTo: ['.', 'gateways'] });
    expect((await mesh.resolve({ ...where, also }, signal)).kind).toBe('resolved');
  });

  it('when two ServiceEntries list it', async () => {
    register('rates', [newHost]);
    register('rates', [newHost], {}, 'egress');
    await expectRefused('egress/rates', 'ledger-prod/rates', 'keep one of them');
  });

  it('when a ServiceEntry lists a short name, which a route means a service by', async () => {
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace(newHost, 'ledger-grey')));
    register('rates', ['ledger-grey']);
    await expectRefused('there is no service ledger-grey in the namespace ledger-prod');
  });

  it('when a wildcard covers it only', async () => {
    register('rates', ['*.bank.example']);
    await expectRefused('ledger-prod/rates', 'by a wildcard only: add the host itself');
  });

  it('when requests go where their callers looked them up, whatever the weights', async () => {
    register('rates', [newHost], { resolution: 'NONE' });
    await expectRefused('resolution NONE', 'set it to DNS or STATIC');
  });

  it('when stable has the same list of endpoints', async () => {
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace('ledger-blue', oldHost)));
    register('rates', [oldHost, newHost], { resolution: 'STATIC', endpoints: [{ address: '10.0.0.7' }] });
    expect(await mesh.resolve(where, signal)).toMatchObject({
      fault: { path: ofCanary, message: expect.stringContaining('one list of endpoints for both hosts') },
    });
  });

  it('but not when one ServiceEntry lists two names that the DNS knows', async () => {
    edit(sandbox, where, (object) => JSON.parse(JSON.stringify(object).replace('ledger-blue', oldHost)));
    register('rates', [oldHost, newHost]);
    expect(await resolved()).toMatchObject({ stable: { host: oldHost }, canary: { host: newHost } });
  });
});

it('all ServiceEntries are read, page by page', async () => {
  for (let count = 0; count < 250; count += 1) register(`rates-${count}`, [`rates-${count}.bank.example`]);
  const read = await kube.listServiceEntries(null, signal);
  expect(read.kind === 'found' && read.value).toHaveLength(250);
});

describe('subsets of a host of a ServiceEntry', () => {
  const rules = (labels: (version: string) => JsonObject) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'rates', namespace: where.namespace },
    spec: { host: newHost, subsets: ['v1', 'v2'].map((name) => ({ name, labels: labels(name) })) },
  });
  beforeEach(() => {
    routeTo(newHost, newHost, ['v1', 'v2']);
    register('rates', [newHost], { resolution: 'STATIC', endpoints: [{ address: '10.0.0.7' }] });
  });

  it('are told apart by their version label', async () => {
    storeObject(
      sandbox.store,
      rules((version) => ({ version })),
    );
    expect(await resolved()).toMatchObject({
      stable: { subset: 'v1', version: 'v1', podLabels: null },
      canary: { subset: 'v2', version: 'v2', podLabels: null },
    });
  });

  it('are refused without one', async () => {
    storeObject(
      sandbox.store,
      rules((stage) => ({ stage })),
    );
    expect(await mesh.resolve(where, signal)).toMatchObject({ fault: { code: 'subset-not-found' } });
  });
});
