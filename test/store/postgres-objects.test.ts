import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { event } from '../../src/rollout/decision.ts';
import { connect } from '../../src/store/database.ts';
import { holdStore } from '../../src/store/hold-store.ts';
import { migrate } from '../../src/store/migrate.ts';
import { orphanStore } from '../../src/store/orphan-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { targetStore } from '../../src/store/target-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { holdId, orderOf } from '../contract/hold-contract.ts';
import { moving } from '../contract/objects-contract.ts';
import { aRollout, aScheduled, rolloutId } from '../fakes/rollouts.ts';
import { type Databases, freshDatabases, majors, query, startDatabases } from './databases.ts';

const shipped = fileURLToPath(new URL('../../migrations/', import.meta.url));
const placed = event('hold.placed', 'bob stopped every move forward in edge');

/** What a version writes that knows no other VirtualService than the first. */
const oldInsert = `insert into rollout (id, document, status, next_at) values ($1, $2::jsonb, $3, now())
  on conflict (cluster, namespace, virtual_service) where ended_at is null and status <> 'scheduled' do nothing`;

const held = `select rollout_id, namespace, virtual_service from rollout_object where is_held
  order by rollout_id, namespace`;

describe.each(majors)('several VirtualServices of a rollout on PostgreSQL %i', (major) => {
  describe('taken and left by many at the same time', () => {
    const fresh = freshDatabases(major);

    it('never lock each other up, whatever the order in which they name them', async () => {
      const { url } = await fresh();
      const two = [connect(url), connect(url)];
      const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `shop/${name}`);
      const targets = names.flatMap((one) =>
        names.filter((other) => other !== one).map((other) => moving(one, other)),
      );
      for (let round = 0; round < 5; round += 1) {
        const answers = await Promise.all(
          targets.map((target, index) => {
            const { db } = two[index % 2] ?? two[0] ?? connect(url);
            const rollout = aRollout({ id: rolloutId(round * 100 + index + 1), target });
            return rolloutStore(db).create(rollout, [], null);
          }),
        );
        expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['created', 'taken']));
        await query(
          url,
          "update rollout set status = 'succeeded', ended_at = now(), next_at = null where ended_at is null",
        );
        expect(await query(url, held)).toEqual([]);
      }
      // What a connection has counted is told when it closes.
      for (const { close } of two) await close();
      const told = 'select deadlocks::integer from pg_stat_database where datname = current_database()';
      expect(await query(url, told)).toEqual([{ deadlocks: 0 }]);
    });

    it('are let go of by whatever statement ends the rollout', async () => {
      const { url, db } = await fresh();
      await rolloutStore(db).create(aRollout({ target: moving('shop/a', 'edge/b') }), [], null);
      expect(await query(url, held)).toHaveLength(2);
      await query(url, "update rollout set status = 'cancelled', ended_at = now(), next_at = null");
      expect(await query(url, held)).toEqual([]);
    });

    it('are under every hold order of a namespace of theirs, and a turn under way is fenced by it', async () => {
      const { db } = await fresh();
      const [turns, holds] = [turnStore(db), holdStore(db)];
      const rollout = aRollout({ target: moving('shop/a', 'edge/b') });
      await rolloutStore(db).create(rollout, [], null);
      const claim = await turns.claim(rollout.id, 'worker', 15);
      await holds.place(orderOf(1, { namespace: 'edge' }), placed);
      const change = { rollout, events: [], measurements: null, nextAt: 0, release: true };
      expect(await turns.save(rollout.id, claim?.epoch ?? 0, change)).toEqual({ kind: 'fenced' });
      expect((await turns.claim(rollout.id, 'worker', 15))?.order?.id).toBe(holdId(1));
    });

    it('are looked after in all their namespaces', async () => {
      const { db } = await fresh();
      await rolloutStore(db).create(aRollout({ target: moving('shop/a', 'edge/b', 'bank/c') }), [], null);
      expect(await orphanStore(db).namespaces('default')).toEqual(['bank', 'edge', 'shop']);
      expect(await orphanStore(db).known([rolloutId(1)])).toMatchObject([
        {
          moves: {
            route: 'primary',
            also: [
              { namespace: 'edge', virtualService: 'b', uid: 'uid of edge/b', routes: ['primary'] },
              { namespace: 'bank', virtualService: 'c', routes: ['primary'] },
            ],
          },
        },
      ]);
    });

    it('are found each as a target, with what moved it last and what moves it now', async () => {
      const { db } = await fresh();
      await rolloutStore(db).create(aRollout({ target: moving('shop/a', 'edge/b') }), [], null);
      const name = { cluster: 'default', namespace: 'edge', virtualService: 'b' };
      expect(await targetStore(db).last(name)).toMatchObject({
        last: { kind: 'rollout', rollout: { id: rolloutId(1) } },
        live: rolloutId(1),
      });
      expect(await targetStore(db).last({ ...name, virtualService: 'a' })).toBeNull();
    });
  });

  describe('beside a version that knows one VirtualService of a rollout', () => {
    let databases: Databases;
    let folder: string;

    beforeAll(async () => {
      databases = await startDatabases(major);
      folder = await mkdtemp(join(tmpdir(), 'canaryd-objects-'));
      await cp(shipped, folder, { recursive: true, filter: (path) => !/001[3-9][.]/.test(path) });
    });
    afterAll(async () => {
      await databases.stop();
      await rm(folder, { recursive: true });
    });

    it('what it had under way is held from the migration on, and what had ended is still found', async () => {
      const url = await databases.empty();
      await migrate(url, `${folder}/*.sql`);
      const insert = (number: number, name: string, status: string) => {
        const rollout = aRollout({ id: rolloutId(number), target: moving(`shop/${name}`) });
        return query(url, oldInsert, [rollout.id, JSON.stringify(rollout), status]);
      };
      await insert(1, 'live', 'running');
      await insert(2, 'ended', 'running');
      await query(
        url,
        "update rollout set status = 'succeeded', ended_at = now(), next_at = null where id = $1",
        [rolloutId(2)],
      );
      const later = aScheduled({ id: rolloutId(3) });
      await query(url, oldInsert, [later.id, JSON.stringify(later), 'scheduled']);
      await migrate(url);
      expect(await query(url, held)).toMatchObject([{ rollout_id: rolloutId(1), virtual_service: 'live' }]);
      const { db, close } = connect(url);
      const store = rolloutStore(db);
      const again = aRollout({ id: rolloutId(4), target: moving('shop/other', 'shop/live') });
      expect(await store.create(again, [], null)).toEqual({ kind: 'taken', by: rolloutId(1) });
      const found = await store.list({ namespace: 'shop', virtualService: 'ended', limit: 9 });
      expect(found.map(({ id }) => id)).toEqual([rolloutId(2)]);
      expect((await store.namesakes(later.target)).map(({ id }) => id)).toEqual([later.id]);
      await close();
    });

    it('what it begins, starts from a schedule and ends is held and let go of, too', async () => {
      const url = await databases.fresh();
      const later = aScheduled({
        id: rolloutId(1),
        target: { cluster: 'default', namespace: 'shop', virtualService: 'a' },
      });
      await query(url, oldInsert, [later.id, JSON.stringify(later), 'scheduled']);
      expect(await query(url, held)).toEqual([]);
      const begun = aRollout({ id: rolloutId(1), target: moving('shop/a') });
      await query(url, "update rollout set document = $1::jsonb, status = 'preflight'", [
        JSON.stringify(begun),
      ]);
      expect(await query(url, held)).toHaveLength(1);
      await query(url, "update rollout set status = 'cancelled', ended_at = now(), next_at = null");
      expect(await query(url, held)).toEqual([]);
    });

    it('what it wants is refused to it while it is moved beside another', async () => {
      const url = await databases.fresh();
      const { db, close } = connect(url);
      await rolloutStore(db).create(aRollout({ target: moving('shop/a', 'edge/b') }), [], null);
      const other = aRollout({ id: rolloutId(2), target: moving('edge/b') });
      const asked = query(url, oldInsert, [other.id, JSON.stringify(other), 'preflight']);
      await expect(asked).rejects.toMatchObject({ code: '23505' });
      await close();
    });
  });
});
