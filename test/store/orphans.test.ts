import { afterEach, describe, expect, it } from 'vitest';
import { explainOrphan, orphanPage } from '../../src/rollout/orphan-words.ts';
import { judgeMark } from '../../src/rollout/orphans.ts';
import { type Lookout, lookout } from '../../src/store/lookout.ts';
import { orphanStore } from '../../src/store/orphan-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { aRollout, aScheduled, paymentTarget, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { freshDatabases, majors, query } from './databases.ts';

const place = { cluster: 'default', namespace: 'payment-prod', virtualService: 'payment-service' };
const { route, stable, canary } = paymentTarget;
const split = {
  ...place,
  uid: 'uid-1',
  owner: { rolloutId: rolloutId(9), epoch: 3 },
  rolledBack: null,
  noted: { route, stable, canary },
  routes: [],
  managed: [],
};
const orphan = judgeMark(split, null);
const page = orphan === null ? null : orphanPage(orphan);

describe.each(majors)('orphan splits on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);
  const posts: Lookout[] = [];
  afterEach(async () => {
    for (const post of posts.splice(0)) await post.close();
  });

  it('the database tells which rollouts it knows, live and ended and unreadable ones', async () => {
    const { db, url } = await fresh();
    const rollouts = rolloutStore(db);
    await rollouts.create(aRollout(), [], null);
    await rollouts.create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [], null);
    await rollouts.create(aScheduled({ id: rolloutId(3) }), [], null);
    await query(
      url,
      `update rollout set status = 'rolled_back', ended_at = now(), next_at = null,
         document = jsonb_set(document, '{target,stable}', '"new"') where id = $1`,
      [rolloutId(2)],
    );
    const book = orphanStore(db);
    const asked = [1, 2, 3, 4].map((one) => rolloutId(one));
    const known = await book.known([...asked, "' or \0 true"]);
    expect(known.sort((one, other) => one.id.localeCompare(other.id))).toMatchObject([
      {
        id: rolloutId(1),
        ...place,
        hasEnded: false,
        moves: { route: 'primary', routes: ['primary'], uid: paymentTarget.uid },
      },
      { id: rolloutId(2), status: 'rolled_back', hasEnded: true, moves: null },
      { id: rolloutId(3), status: 'scheduled', hasEnded: false, moves: null },
    ]);
    expect(await book.known([])).toEqual([]);
    expect(await book.namespaces('default')).toEqual(['payment-prod']);
    expect(await book.namespaces('eu')).toEqual([]);
    const ledger = { ...place, virtualService: 'ledger' };
    expect(await book.held([place, ledger, { ...place, cluster: 'eu' }])).toEqual([place]);
  });

  it('the same split is told of once an hour, in the audit log, without a rollout', async () => {
    const { db, url } = await fresh();
    const book = orphanStore(db);
    if (page === null || orphan === null) throw new Error('no orphan');
    expect(await book.tell(place, page)).toBe(true);
    expect(await book.tell(place, page)).toBe(false);
    expect(await book.tell({ ...place, virtualService: 'ledger' }, page)).toBe(true);
    const [row] = await rolloutStore(db).audit({ type: 'page', limit: 10 });
    expect(row).toMatchObject({
      rolloutId: null,
      subject: 'split/default/payment-prod/payment-service',
      facts: { reason: 'orphan_split', explanation: explainOrphan(orphan) },
    });
    await query(url, 'alter table audit_first disable trigger all; alter table audit disable trigger all');
    await query(url, "update audit set at = at - interval '61 minutes'").catch(() => undefined);
    expect(await book.tell(place, page)).toBe(true);
  });

  it('one process at a time stands on the post, and another one when it has gone', async () => {
    const { url } = await fresh();
    const [first, second] = [lookout(url), lookout(url)];
    posts.push(first, second);
    expect(await first.isMine()).toBe(true);
    expect(await first.isMine()).toBe(true);
    expect(await second.isMine()).toBe(false);
    await first.close();
    expect(await second.isMine()).toBe(true);
    expect(await first.isMine()).toBe(false);
  });

  it('a process whose connection was ended takes the post anew, or finds it taken', async () => {
    const { url } = await fresh();
    const [first, second] = [lookout(url), lookout(url)];
    posts.push(first, second);
    expect(await first.isMine()).toBe(true);
    const held = await query(
      url,
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'canaryd-lookout'",
    );
    expect(held).toHaveLength(1);
    expect(await second.isMine()).toBe(true);
    expect(await first.isMine()).toBe(false);
  });

  it('a post says that the database is away', async () => {
    const { url } = await fresh();
    const away = new URL(url);
    away.port = '1';
    await expect(lookout(away.href).isMine()).rejects.toMatchObject({ code: 'databaseUnavailable' });
  });
});
