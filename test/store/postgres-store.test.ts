import { describe } from 'vitest';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { objectsContract } from '../contract/objects-contract.ts';
import { quarantineContract } from '../contract/quarantine-contract.ts';
import { scheduledContract } from '../contract/scheduled-contract.ts';
import { storeContract } from '../contract/store-contract.ts';
import { freshDatabases, majors, query } from './databases.ts';

describe.each(majors)('the store on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);

  const open = async () => {
    const { url, db } = await fresh();
    return {
      store: { ...turnStore(db), ...rolloutStore(db) },
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
      spoil: async (id: string) => {
        await query(url, `update rollout set document = document || '{"learnedLater":1}' where id = $1`, [
          id,
        ]);
      },
      documentOf: async (id: string) =>
        JSON.stringify(await query(url, 'select document::text from rollout where id = $1', [id])),
      measurementsOf: async (id: string) =>
        (await query(url, 'select 1 from measurement where rollout_id = $1', [id])).length,
    };
  };
  storeContract(open);
  scheduledContract(open);
  objectsContract(open);
  quarantineContract(open);
});
