import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Database } from '../../src/store/database.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { type Listening, listen } from '../../src/store/wake.ts';
import { aRollout } from '../fakes/rollouts.ts';
import { bell, listeningLog } from '../queue/bell.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const rollout = aRollout();

describe.each(majors)('a worker that listens on PostgreSQL %i', (major) => {
  let databases: Databases;
  let url: string;
  let database: Database;
  let listening: Listening;
  let rings: ReturnType<typeof bell>;
  const log = listeningLog();

  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  beforeEach(async () => {
    url = await databases.fresh();
    database = connect(url);
    rings = bell();
    listening = await listen({ url, onDue: (id) => void rings.ring(id), log });
  });
  afterEach(async () => {
    await listening.close();
    await database.close();
  });
  afterAll(() => databases.stop());

  it('hears of a new rollout and of a command at once', async () => {
    const store = rolloutStore(database.db);
    await store.create(rollout, [], null);
    expect(await rings.next()).toBe(rollout.id);
    const change = { rollout, events: [], nextAt: 0 };
    await store.command(rollout.id, () => ({ change, answer: '', remember: null }));
    expect(await rings.next()).toBe(rollout.id);
  });

  it('hears nothing of a command that was refused', async () => {
    const store = rolloutStore(database.db);
    await store.create(rollout, [], null);
    await rings.next();
    await store.command(rollout.id, () => ({ change: null, answer: '', remember: null }));
    await query(url, "select pg_notify('canaryd_due', 'the next')");
    expect(await rings.next()).toBe('the next');
  });

  it('listens again after its connection was terminated, and says once that it could not', async () => {
    await query(
      url,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'canaryd-listen' and datname = current_database()",
    );
    const again =
      "select 1 from pg_stat_activity where application_name = 'canaryd-listen' and query = 'listen canaryd_due' and datname = current_database()";
    await expect.poll(() => query(url, again), { timeout: 5000 }).toHaveLength(1);
    await query(url, "select pg_notify('canaryd_due', 'after')");
    expect(await rings.next()).toBe('after');
    expect(log.said).toHaveLength(1);
  });

  it('starts without a database, and closes without one', async () => {
    const alone = await listen({
      url: 'postgres://canaryd:secret@127.0.0.1:1/nowhere',
      onDue: () => undefined,
    });
    await alone.close();
  });
});
