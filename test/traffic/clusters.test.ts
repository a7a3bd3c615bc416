import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { type ClusterAddress, type Clusters, openClusters } from '../../src/traffic/clusters.ts';
import { namespace, virtualServiceObject, weightsOf } from './sandbox-mesh.ts';

const where = { namespace, virtualService: 'payment-split' };
const signal = AbortSignal.timeout(60_000);
const clusterDomain = 'cluster.local';

let folder = '';
let path = '';
let eu: Sandbox;
let us: Sandbox;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-clusters-'));
  path = join(folder, 'kubeconfig');
  [eu, us] = await Promise.all([startSandbox({ seed: 1, tickMs: 0 }), startSandbox({ seed: 2, tickMs: 0 })]);
  await writeFile(path, kubeconfigOf({ eu, us }));
});
afterAll(async () => {
  await Promise.all([eu.close(), us.close()]);
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  for (const sandbox of [eu, us]) storeObject(sandbox.store, virtualServiceObject(where, { v1: 100, v2: 0 }));
});

const reports: { level: string; fields: Record<string, unknown>; message: string }[] = [];
const log = {
  info: (fields: Record<string, unknown>, message: string) =>
    reports.push({ level: 'info', fields, message }),
  warn: (fields: Record<string, unknown>, message: string) =>
    reports.push({ level: 'warn', fields, message }),
};

let opened: Clusters | null = null;
afterEach(async () => {
  await opened?.close();
  reports.splice(0);
});

async function open(...addresses: ClusterAddress[]): Promise<Mesh> {
  opened = await openClusters(addresses, log);
  return opened.mesh;
}

function inContext(name: string, context = name): ClusterAddress {
  return { name, source: { kind: 'file', path, context }, clusterDomain };
}

const Kubeconfig = z.looseObject({
  clusters: z.tuple([z.looseObject({ cluster: z.unknown() })]),
  users: z.tuple([z.looseObject({ user: z.unknown() })]),
});

/** One kubeconfig with a context for each sandbox. */
function kubeconfigOf(sandboxes: Record<string, Sandbox>): string {
  const each = Object.entries(sandboxes).map(([name, { kubeconfig }]) => {
    const { clusters, users } = Kubeconfig.parse(parse(kubeconfig));
    return { name, cluster: clusters[0].cluster, user: users[0].user };
  });
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: each.map(({ name, cluster }) => ({ name, cluster })),
    users: each.map(({ name, user }) => ({ name, user })),
    contexts: each.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    'current-context': each[0]?.name,
  });
}

async function targetIn(mesh: Mesh, cluster: string): Promise<Target> {
  const resolution = await mesh.resolve({ cluster, ...where }, signal);
  if (resolution.kind !== 'resolved') throw new Error(`the target is ${JSON.stringify(resolution)}`);
  return resolution.target;
}

async function moveTo(mesh: Mesh, target: Target, share: number, epoch: number) {
  const view = await mesh.look(target, signal);
  if (view.kind !== 'split') throw new Error(`the view is ${JSON.stringify(view)}`);
  return mesh.write(target, view, { share, rolloutId: 'ro_1', epoch, end: false }, signal);
}

describe('two clusters in one kubeconfig', () => {
  it('never get what is meant for the other one', async () => {
    const mesh = await open(inContext('eu'), inContext('us'));
    const [inEu, inUs] = [await targetIn(mesh, 'eu'), await targetIn(mesh, 'us')];
    expect([inEu.cluster, inUs.cluster]).toEqual(['eu', 'us']);
    expect(inEu.uid).not.toBe(inUs.uid);
    const before = { eu: eu.writes.length, us: us.writes.length };

    expect(await moveTo(mesh, inUs, 20, 1)).toEqual({ kind: 'applied', canaryShare: 20 });
    expect([weightsOf(eu, where), weightsOf(us, where)]).toEqual([
      [100, 0],
      [80, 20],
    ]);
    expect([eu.writes.length - before.eu, us.writes.length - before.us]).toEqual([0, 1]);

    expect(await moveTo(mesh, inEu, 5, 1)).toEqual({ kind: 'applied', canaryShare: 5 });
    expect([weightsOf(eu, where), weightsOf(us, where)]).toEqual([
      [95, 5],
      [80, 20],
    ]);
    expect([eu.writes.length - before.eu, us.writes.length - before.us]).toEqual([1, 1]);
  });

  it('fail each for itself', async () => {
    const mesh = await open(inContext('eu'), inContext('us'));
    const inUs = await targetIn(mesh, 'us');
    eu.faults.apiDown = true;
    try {
      expect(await mesh.resolve({ cluster: 'eu', ...where }, signal)).toMatchObject({ kind: 'unavailable' });
      expect(await mesh.look(inUs, signal)).toMatchObject({ kind: 'split' });
      expect(await opened?.ready(signal)).toMatchObject({ eu: { ok: false }, us: { ok: true } });
    } finally {
      eu.faults.apiDown = false;
    }
  });
});

describe('a cluster that was taken out of the configuration', () => {
  it('is unavailable with a sentence, and no other cluster stands in for it', async () => {
    const before = await open(inContext('eu'), inContext('us'));
    const target = await targetIn(before, 'us');
    const view = await before.look(target, signal);
    await opened?.close();
    const mesh = await open(inContext('eu'));
    const gone = {
      kind: 'unavailable',
      reason: 'unreachable',
      why: 'the cluster us is not in the configuration of canaryd any more: put it back under its name and restart canaryd, or move the weights by hand',
    };
    const writes = eu.writes.length + us.writes.length;
    expect(await mesh.look(target, signal)).toEqual(gone);
    expect(await mesh.survey({ cluster: 'us', ...where }, signal)).toEqual(gone);
    if (view.kind !== 'split') throw new Error('there was no view');
    const write = { share: 0, rolloutId: 'ro_1', epoch: 2, end: true };
    expect(await mesh.write(target, view, write, signal)).toEqual(gone);
    expect(eu.writes.length + us.writes.length).toBe(writes);
  });
});

describe('credentials that cannot be read', () => {
  const lost = (): ClusterAddress => ({
    name: 'lost',
    source: { kind: 'file', path: join(folder, 'later') },
    clusterDomain,
  });

  it('leave the other clusters alone, are reported once, and are tried again until they can be read', async () => {
    await rm(join(folder, 'later'), { force: true });
    const mesh = await open(lost(), inContext('us'));
    expect(await mesh.resolve({ cluster: 'us', ...where }, signal)).not.toMatchObject({
      kind: 'unavailable',
    });
    expect(await mesh.resolve({ cluster: 'lost', ...where }, signal)).toMatchObject({
      kind: 'unavailable',
      reason: 'unauthorized',
      why: expect.stringContaining('later cannot be read: ENOENT'),
    });
    expect(await opened?.ready(signal)).toEqual({
      lost: { ok: false, why: 'its credentials cannot be read: the log says why' },
      us: { ok: true },
    });
    expect(reports.map(({ level, fields }) => [level, fields['cluster']])).toEqual([['warn', 'lost']]);

    await writeFile(join(folder, 'later'), eu.kubeconfig);
    expect(await opened?.ready(signal)).toEqual({ lost: { ok: true }, us: { ok: true } });
    expect(reports.at(-1)).toMatchObject({ level: 'info', message: 'a cluster can be used again' });
  });

  it('of the only cluster keep canaryd from starting', async () => {
    const alone = { ...lost(), source: { kind: 'file' as const, path: join(folder, 'never') } };
    await expect(openClusters([alone], log)).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('cannot be read: ENOENT'),
    });
  });

  it('name the contexts that there are when the wanted one is missing', async () => {
    await expect(openClusters([inContext('asia')], log)).rejects.toMatchObject({
      message: 'the kubeconfig has no context asia; its contexts: eu, us',
    });
  });
});
