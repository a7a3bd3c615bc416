import { describe, expect, it } from 'vitest';
import { batchContract } from '../contract/batch-contract.ts';
import { objectsContract } from '../contract/objects-contract.ts';
import { quarantineContract } from '../contract/quarantine-contract.ts';
import { scheduledContract } from '../contract/scheduled-contract.ts';
import { storeContract } from '../contract/store-contract.ts';
import { aRollout, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';

describe('the store in memory', () => {
  const open = async () => {
    let now = start;
    const store = memoryStore({ now: () => now });
    return {
      store,
      elsewhere: store,
      later: async (seconds: number) => {
        now += seconds * 1000;
      },
      spoil: async (id: string) => store.spoil(id),
      documentOf: async (id: string) => store.documentOf(id),
      measurementsOf: async (id: string) => store.measurementsOf(id),
    };
  };
  storeContract(open);
  scheduledContract(open);
  objectsContract(open);
  quarantineContract(open);
  batchContract(open);

  it('lets a stale turn write when its fence is taken away', async () => {
    const store = memoryStore({ now: () => start, fence: false });
    const rollout = aRollout();
    await store.create(rollout, [], null);
    const change = { rollout, events: [], measurements: null, nextAt: start, release: false };
    expect((await store.save(rollout.id, 41, change)).kind).toBe('saved');
  });

  it('tells who is woken', async () => {
    const woken: string[] = [];
    const store = memoryStore({ now: () => start, onWake: (id) => woken.push(id) });
    await store.create(aRollout(), [], null);
    expect(woken).toEqual([aRollout().id]);
  });
});
