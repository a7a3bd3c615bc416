import { describe, expect, it } from 'vitest';
import { isScheduled } from '../../src/rollout/rollout.ts';
import { connect, type Db } from '../../src/store/database.ts';
import { planStore } from '../../src/store/plan-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { targetStore } from '../../src/store/target-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { planContract } from '../contract/plan-contract.ts';
import { targetContract } from '../contract/target-contract.ts';
import { aRollout, bankPlan, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { freshDatabases, query } from './databases.ts';

describe('plans and targets on PostgreSQL', () => {
  const fresh = freshDatabases();
  let url: string;

  async function open(): Promise<Db> {
    const { db, ...opened } = await fresh();
    url = opened.url;
    return db;
  }

  planContract(async () => planStore(await open()));

  targetContract(async (rollouts) => {
    const db = await open();
    for (const rollout of rollouts) {
      if (isScheduled(rollout)) {
        await rolloutStore(db).create(rollout, [], null);
        continue;
      }
      const begun = { ...rollout, state: { kind: 'preflight' as const, waitingFor: null } };
      await rolloutStore(db).create(begun, [], null);
      if (rollout.state.kind !== 'succeeded') continue;
      const claim = await turnStore(db).claim(rollout.id, 'worker', 15);
      const change = { rollout, events: [], measurements: null, nextAt: null, release: true };
      await turnStore(db).save(rollout.id, claim?.epoch ?? 0, change);
    }
    return targetStore(db);
  });

  it('a target whose last rollout a newer version wrote is listed among the others', async () => {
    const db = await open();
    await rolloutStore(db).create(aRollout(), [], null);
    await rolloutStore(db).create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [], null);
    const spoilt = `update rollout set document = jsonb_set(document, '{state,kind}', '"dancing"') where id = $1`;
    await query(url, spoilt, [rolloutId(2)]);
    const found = await targetStore(db).list({ limit: 10 });
    expect(found).toMatchObject([
      {
        key: { virtualService: 'ledger', route: 'primary' },
        last: { kind: 'unreadable', row: { id: rolloutId(2), namespace: 'payment-prod' } },
        live: rolloutId(2),
      },
      { last: { kind: 'rollout', rollout: { id: rolloutId(1) } } },
    ]);
    const name = { cluster: 'default', namespace: 'payment-prod', virtualService: 'ledger' };
    expect(await targetStore(db).last(name)).toMatchObject({ last: { kind: 'unreadable' } });
  });

  describe('a version of a plan', () => {
    const add = async () =>
      planStore(await open()).add({
        name: 'pci',
        version: 1,
        plan: { ...bankPlan, name: 'pci' },
        digest: `sha256:${'0'.repeat(64)}`,
        createdBy: { kind: 'person', name: 'ana' },
      });

    it.each([
      'update plan set digest = digest',
      'delete from plan',
      'truncate plan',
    ])('is never changed nor taken away, whoever asks the database: %s', async (statement) => {
      await add();
      await expect(query(url, statement)).rejects.toThrow('append-only');
    });

    it('that cannot be understood is told of by name, not passed on', async () => {
      await open();
      await query(
        url,
        `insert into plan (name, version, document, digest, actor_kind, actor_name)
         values ('pci', 1, '{"name":"pci"}', 'sha256:${'0'.repeat(64)}', 'person', 'ana')`,
      );
      const { db } = connect(url);
      await expect(planStore(db).find('pci')).rejects.toMatchObject({
        code: 'corruptRow',
        message: expect.stringContaining('version 1 of plan pci'),
      });
      await db.destroy();
    });

    it('is neither found nor missing while the database cannot be reached: the fault is named', async () => {
      const nowhere = connect('postgres://canaryd:secret@127.0.0.1:9/canaryd');
      const unavailable = { code: 'databaseUnavailable' };
      await expect(planStore(nowhere.db).find('pci')).rejects.toMatchObject(unavailable);
      await expect(targetStore(nowhere.db).list({ limit: 1 })).rejects.toMatchObject(unavailable);
      await nowhere.close();
    });
  });
});
