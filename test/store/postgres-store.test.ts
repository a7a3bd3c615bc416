import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { connect, type Database } from '../../src/store/database.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { scheduledContract } from '../contract/scheduled-contract.ts';
import { storeContract } from '../contract/store-contract.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

describe.each(majors)('the store on PostgreSQL %i', (major) => {
  let databases: Databases;
  let database: Database | null = null;

  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  afterEach(async () => {
    await database?.close();
    database = null;
  });
  afterAll(() => databases.stop());

  const open = async () => {
    const url = await databases.fresh();
    database = connect(url);
    return {
      store: { ...turnStore(database.db), ...rolloutStore(database.db) },
      // Moving what is stored into the past is the same as waiting.
      later: async (seconds: number) => {
        await query(
          url,
          `update rollout set next_at = next_at - make_interval(secs => ${seconds}),
          lease_until = lease_until - make_interval(secs => ${seconds})`,
        );
        await query(
          url,
          `update idempotency set created_at = created_at - make_interval(secs => ${seconds})`,
        );
      },
      measurementsOf: async (id: string) =>
        (await query(url, 'select 1 from measurement where rollout_id = $1', [id])).length,
    };
  };
  storeContract(open);
  scheduledContract(open);
});
