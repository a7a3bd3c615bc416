import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namespaces } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { storeNamespace } from '../../src/sandbox/workloads.ts';
import { send } from '../sandbox/https-client.ts';
import { chooseCluster } from './cluster-choice.ts';
import { type Fence, isInside, openFence } from './cluster-fence.ts';
import { openClusterWorld } from './cluster-world.ts';
import { deleteNamespace, startGuard } from './namespace-guard.ts';

const own = 'canaryd-contract-1234';
const both = [own, `${own}-edge`];
let sandbox: Sandbox;
let folder: string;

beforeAll(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  folder = mkdtempSync(join(tmpdir(), 'canaryd-choice-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await sandbox.close();
});

function config(user = 'admin'): KubeConfig {
  const loaded = new KubeConfig();
  loaded.loadFromString(sandbox.kubeconfigFor(user));
  return loaded;
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('a cluster is chosen', () => {
  it('by CANARYD_CONTRACT_KUBECONFIG, with its current context', () => {
    const path = write('own.yaml', sandbox.kubeconfig);
    expect(chooseCluster({ CANARYD_CONTRACT_KUBECONFIG: path })).toMatchObject({
      kind: 'chosen',
      context: 'sandbox',
    });
  });

  it('by a context named for the suite in KUBECONFIG', () => {
    const path = write('shared.yaml', sandbox.kubeconfig);
    const choice = chooseCluster({ KUBECONFIG: path, CANARYD_CONTRACT_CONTEXT: 'sandbox' });
    expect(choice).toMatchObject({ kind: 'chosen', context: 'sandbox' });
  });

  it('never by KUBECONFIG alone, and says what to type', () => {
    const choice = chooseCluster({ KUBECONFIG: '/home/me/.kube/config' });
    expect(choice).toEqual({
      kind: 'none',
      hint: expect.stringContaining(
        'type: CANARYD_CONTRACT_KUBECONFIG=/home/me/.kube/config npm run test:contract',
      ),
    });
  });

  it('by nothing when nothing is set', () => {
    expect(chooseCluster({ CANARYD_CONTRACT_KUBECONFIG: '' })).toEqual({ kind: 'none', hint: null });
  });

  it.each([
    ['the file is not there', () => ({ CANARYD_CONTRACT_KUBECONFIG: '/nowhere' }), 'no kubeconfig /nowhere'],
    ['no file is named', () => ({ CANARYD_CONTRACT_CONTEXT: 'kind' }), 'CANARYD_CONTRACT_KUBECONFIG=<file>'],
    [
      'the context is not in the file',
      () => ({
        CANARYD_CONTRACT_KUBECONFIG: write('other.yaml', sandbox.kubeconfig),
        CANARYD_CONTRACT_CONTEXT: 'production',
      }),
      'has no context production: set CANARYD_CONTRACT_CONTEXT (it has sandbox)',
    ],
    [
      'the file is no kubeconfig',
      () => ({ CANARYD_CONTRACT_KUBECONFIG: write('bad.yaml', 'token: [secret-1') }),
      'is no kubeconfig',
    ],
  ])('never when %s, and says why', (_name, environment, why) => {
    const choice = chooseCluster(environment());
    expect(choice).toEqual({ kind: 'refused', why: expect.stringContaining(why) });
    expect(JSON.stringify(choice)).not.toContain('secret-1');
  });
});

describe('the fence', () => {
  let fence: Fence;

  beforeAll(async () => {
    fence = await openFence(config(), both);
  });
  afterAll(() => fence.close());

  const through = (method: string, path: string, token = fence.token) =>
    send(fence, { method, path, headers: { authorization: `Bearer ${token}` } });

  it.each([
    ['GET', `/api/v1/namespaces/${own}`],
    ['DELETE', `/api/v1/namespaces/${own}`],
    ['GET', `/api/v1/namespaces/${own}/pods?labelSelector=app%3Dx`],
    ['PATCH', `/apis/networking.istio.io/v1/namespaces/${own}/virtualservices/a`],
    ['PATCH', `/apis/networking.istio.io/v1/namespaces/${own}-edge/virtualservices/a`],
    ['DELETE', `/api/v1/namespaces/${own}-edge`],
  ])('lets %s %s through', (method, path) => {
    expect(isInside({ method, path }, '', both)).toBe(true);
  });

  it.each([
    ['GET', '/api/v1/namespaces'],
    ['PATCH', `/api/v1/namespaces/${own}`],
    ['GET', '/api/v1/namespaces/payment-prod'],
    ['DELETE', '/api/v1/namespaces/payment-prod/pods/a'],
    ['PATCH', '/apis/networking.istio.io/v1/namespaces/payment-prod/virtualservices/payment-service'],
    ['GET', '/apis/networking.istio.io/v1/virtualservices'],
    ['GET', `/api/v1/namespaces/${own}/../payment-prod/pods`],
    ['GET', `/api/v1/namespaces/${own}%2f..%2fpayment-prod/pods`],
    ['GET', `/api/v1/namespaces/${own}5/pods`],
    ['GET', `/api/v1/namespaces/${own}-edge2/pods`],
    ['DELETE', `/api/v1/namespaces/${own}-edg`],
    ['GET', '/api/v1/nodes'],
  ])('keeps %s %s back', (method, path) => {
    expect(isInside({ method, path }, '', both)).toBe(false);
  });

  it('lets only its own namespaces be created', () => {
    const create = { method: 'POST', path: '/api/v1/namespaces' };
    const named = (name: string) => JSON.stringify({ metadata: { name } });
    expect(isInside(create, named(own), both)).toBe(true);
    expect(isInside(create, named(`${own}-edge`), both)).toBe(true);
    expect(isInside(create, named('payment-prod'), both)).toBe(false);
    expect(isInside(create, named(''), both)).toBe(false);
    expect(isInside(create, 'no json', both)).toBe(false);
  });

  it('refuses and writes down what leads out, and the cluster never hears of it', async () => {
    const path = '/apis/networking.istio.io/v1/namespaces/payment-prod/virtualservices/payment-service';
    const reply = await through('DELETE', path);
    expect([reply.status, JSON.parse(reply.text).message]).toEqual([
      403,
      `DELETE ${path} leads out of ${own} and ${own}-edge`,
    ]);
    expect(fence.requests.at(-1)).toEqual({ method: 'DELETE', path, passed: false });
    expect(sandbox.writes).toEqual([]);
  });

  it('serves nobody without its token', async () => {
    expect((await through('GET', `/api/v1/namespaces/${own}`, 'guessed')).status).toBe(403);
    expect((await through('GET', `/api/v1/namespaces/${own}`)).status).toBe(404);
  });
});

describe('the guard of the namespace', () => {
  const names = ['canaryd-contract-abandoned', 'canaryd-contract-abandoned-edge'];
  const isThere = (name: string) => {
    const found = sandbox.store.get({ type: namespaces, namespace: '', name });
    return found !== null && Object(found['metadata']).deletionTimestamp === undefined;
  };

  it('deletes both when the run ends without having done so, as after Ctrl-C', async () => {
    for (const name of names) storeNamespace(sandbox.store, name);
    await startGuard(config(), names).abandon();
    expect(names.filter(isThere)).toEqual([]);
  });

  it('deletes what is there when the run ends before the second was made', async () => {
    storeNamespace(sandbox.store, names[0] ?? '');
    await startGuard(config(), names).abandon();
    expect(names.filter(isThere)).toEqual([]);
  });

  it('does nothing once the run has done so itself', async () => {
    const count = sandbox.writes.length;
    await startGuard(config(), names).release();
    expect(sandbox.writes.length).toBe(count);
  });

  it('deletes no namespace of others', async () => {
    await expect(deleteNamespace(config(), 'payment-prod')).rejects.toThrow('not of the contract suite');
  });
});

describe('a cluster that refuses', () => {
  it('is told what right is missing, and nothing is left', async () => {
    const before = sandbox.store.list(namespaces).length;
    await expect(openClusterWorld(config('canaryd'))).rejects.toThrow('cannot');
    expect(sandbox.store.list(namespaces).length).toBe(before);
  });

  it('leaves the readiness of pods untested, and says so', async () => {
    const everything = (resources: string[]) => ({ verbs: ['*'], groups: ['*'], resources });
    const rules = [everything(['namespaces', 'services', 'destinationrules', 'virtualservices'])];
    sandbox.users.push({ name: 'no-pods', token: 'no-pods-token', rules });
    const world = await openClusterWorld(config('no-pods'));
    expect(world.withoutPods).toContain('cannot create resource "pods"');
    await world.close();
  });
});
