import { afterAll, beforeAll, expect, it } from 'vitest';
import { breakGlass } from '../../src/break-glass/break-glass.ts';
import { lookForOrphans, type OrphanDeps, type OrphansSeen } from '../../src/rollout/look-for-orphans.ts';
import { orphanStore } from '../../src/store/orphan-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { type Clusters, openClusters } from '../../src/traffic/clusters.ts';
import { openWorld, type World } from '../break-glass/world.ts';
import { freshDatabases } from './databases.ts';

const fresh = freshDatabases();
let world: World;
let clusters: Clusters;

beforeAll(async () => {
  world = await openWorld();
  const source = { kind: 'text', text: world.sandbox.kubeconfig } as const;
  clusters = await openClusters([{ name: 'default', source, clusterDomain: 'cluster.local' }], {
    info: () => undefined,
    warn: () => undefined,
  });
});
afterAll(async () => {
  await clusters.close();
  await world.close();
});

it('a split that began after the backup is told of, is not touched, and is over after break-glass', async () => {
  const { db } = await fresh();
  const { name } = await world.moved(20);
  const writes = world.sandbox.writes.length;
  const deps: OrphanDeps = {
    marks: clusters.marks,
    book: orphanStore(db),
    clusters: ['default'],
    deadline: AbortSignal.timeout,
  };
  let seen: OrphansSeen = new Map();
  const look = async () => {
    const found = await lookForOrphans(deps, seen);
    seen = found.seen;
    return found;
  };
  await look();
  const { told } = await look();
  expect(told).toHaveLength(1);
  expect((await look()).told).toEqual([]);
  expect(world.sandbox.writes).toHaveLength(writes);

  const rows = await rolloutStore(db).audit({ type: 'page', limit: 10 });
  expect(rows).toMatchObject([{ rolloutId: null, subject: `split/default/payment-prod/${name}` }]);
  const [row] = rows;
  const command = /canaryd break-glass rollback --virtual-service (\S+?)\/(\S+?)\./.exec(row?.message ?? '');
  expect(command?.slice(1)).toEqual(['payment-prod', name]);

  const words: string[] = [];
  const options = { context: null, dryRun: false, yes: true, json: false, reason: null };
  const asked = { ...options, namespace: 'payment-prod', name, kubeconfig: world.kubeconfig };
  const around = {
    environment: {},
    out: (text: string) => void words.push(text),
    err: (text: string) => void words.push(text),
    ask: null,
    now: Date.now,
    pause: async () => undefined,
    budgetMs: 10_000,
  };
  expect(await breakGlass(asked, around)).toBe(0);
  const { gone, standing } = await look();
  expect([gone.length, standing]).toEqual([1, []]);
});
