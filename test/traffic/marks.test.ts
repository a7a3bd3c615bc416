import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { type Clusters, openClusters } from '../../src/traffic/clusters.ts';
import { virtualServiceObject } from './sandbox-mesh.ts';
import { startTinyApiServer } from './tiny-api-server.ts';

const signal = AbortSignal.timeout(60_000);
const reports = { info: () => undefined, warn: () => undefined };
const clusterDomain = 'cluster.local';
const original = JSON.stringify({
  route: 'primary',
  stable: { host: 'payment-service.shop.svc.cluster.local', subset: 'v1', weight: 100 },
  canary: { host: 'payment-service.shop.svc.cluster.local', subset: 'v2', weight: 0 },
});

let sandbox: Sandbox;
const opened: Clusters[] = [];

beforeAll(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  const rules = [{ verbs: ['list'], groups: ['*'], resources: ['virtualservices'], namespaces: ['shop'] }];
  sandbox.users.push({ name: 'narrow', token: 'narrow-token', rules });
  for (let index = 0; index < 450; index += 1)
    storeObject(
      sandbox.store,
      virtualServiceObject({ namespace: 'crowd', virtualService: `one-${index}` }, { v1: 100, v2: 0 }),
    );
  mark('shop', 'payment', {
    'canaryd.io/rollout': 'ro_1',
    'canaryd.io/epoch': '7',
    'canaryd.io/original-weights': original,
  });
  const bare = virtualServiceObject({ namespace: 'attic', virtualService: 'left' }, { v1: 100, v2: 0 });
  const http = [
    { name: 'canaryd-header', route: [{ destination: { host: 'payment-service', subset: 'v2' } }] },
  ];
  const spec = { ...Object(bare['spec']), http: [...http, ...Object(bare['spec']).http] };
  storeObject(sandbox.store, { ...bare, spec });
  mark('zoo', 'ledger', {
    'canaryd.io/rollout': 'ro_2',
    'canaryd.io/rolled-back': 'ro_2/3',
    'canaryd.io/original-weights': '{',
  });
});
afterAll(async () => {
  for (const clusters of opened) await clusters.close();
  await sandbox.close();
});

function mark(namespace: string, virtualService: string, annotations: Record<string, string>): void {
  const object = virtualServiceObject({ namespace, virtualService }, { v1: 80, v2: 20 });
  storeObject(sandbox.store, { ...object, metadata: { ...Object(object['metadata']), annotations } });
}

async function marksOf(kubeconfig: string) {
  const clusters = await openClusters(
    [{ name: 'default', source: { kind: 'text', text: kubeconfig }, clusterDomain }],
    reports,
  );
  opened.push(clusters);
  return (namespaces: string[]) => clusters.marks.marked('default', async () => namespaces, signal);
}

describe('the marks that canaryd leaves', () => {
  it('are found in all namespaces, page by page, with what stands there', async () => {
    const marked = await marksOf(sandbox.kubeconfig);
    const found = await marked([]);
    expect(found).toMatchObject({ kind: 'splits', unread: {}, narrowed: null });
    if (found.kind !== 'splits') throw new Error(found.why);
    expect(found.splits.map(({ virtualService }) => virtualService)).toEqual(['left', 'payment', 'ledger']);
    expect(found.splits[0]).toMatchObject({
      owner: null,
      noted: null,
      routes: [{ name: 'primary' }],
      managed: [{ name: 'canaryd-header', path: 'spec.http[0]' }],
    });
    expect(found.splits[1]).toMatchObject({
      cluster: 'default',
      namespace: 'shop',
      owner: { rolloutId: 'ro_1', epoch: 7 },
      rolledBack: null,
      noted: { route: 'primary', canary: { host: 'payment-service.shop.svc.cluster.local', subset: 'v2' } },
      routes: [
        {
          name: 'primary',
          destinations: [
            { subset: 'v1', share: 80 },
            { subset: 'v2', share: 20 },
          ],
        },
      ],
    });
    expect(found.splits[2]).toMatchObject({
      rolledBack: { rolloutId: 'ro_2', epoch: 3 },
      noted: 'unreadable',
    });
  });

  it('are looked for namespace by namespace where the list of all is forbidden', async () => {
    const marked = await marksOf(sandbox.kubeconfigFor('narrow'));
    const found = await marked(['shop', 'zoo']);
    expect(found).toMatchObject({
      kind: 'splits',
      splits: [{ virtualService: 'payment' }],
      unread: { zoo: { reason: 'forbidden' } },
      narrowed: { reason: 'forbidden' },
    });
  });

  it('are not known where the cluster is not in the configuration, or does not answer', async () => {
    const clusters = await openClusters(
      [{ name: 'default', source: { kind: 'text', text: sandbox.kubeconfig }, clusterDomain }],
      reports,
    );
    opened.push(clusters);
    expect(await clusters.marks.marked('eu', async () => [], signal)).toMatchObject({ kind: 'unavailable' });
    const silent = await startTinyApiServer(() => undefined);
    const marked = await openClusters(
      [{ name: 'default', source: { kind: 'text', text: silent.kubeconfig }, clusterDomain }],
      reports,
    );
    opened.push(marked);
    const asked = marked.marks.marked('default', async () => [], AbortSignal.timeout(100));
    expect(await asked).toMatchObject({ kind: 'unavailable', reason: 'timeout' });
    await silent.close();
  });

  it('of an object that cannot be read hide no other', async () => {
    const server = await startTinyApiServer((_request, response) => {
      const annotations = { 'canaryd.io/rollout': 'ro_1' };
      const metadata = { name: 'payment', namespace: 'shop', uid: 'u', resourceVersion: '1', annotations };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ items: [{ metadata: { name: 3 } }, { metadata, spec: {} }], metadata: {} }),
      );
    });
    const marked = await marksOf(server.kubeconfig);
    expect(await marked([])).toMatchObject({ splits: [{ virtualService: 'payment', routes: [] }] });
    await server.close();
  });
});
