import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChaos } from '../chaos/run.ts';
import { faultKinds } from '../chaos/schedule.ts';
import { startWorld, type World } from '../chaos/world.ts';

const patience = 180_000;

let world: World;

beforeAll(async () => {
  world = await startWorld({ seed: 7, workers: 4 });
}, patience);

afterAll(() => world?.close(), 60_000);

describe('four workers on real parts while everything fails in turn', () => {
  it(
    'leave no user on a bad canary, lose no rollout, and write down nothing that is not so',
    async () => {
      const { violations, faults, rollouts } = await runChaos(world, { seed: 7, seconds: 20, without: null });
      expect(violations).toEqual([]);
      expect(faults.size).toBeGreaterThan(faultKinds.length / 2);
      expect(rollouts.size).toBeGreaterThan(0);
    },
    patience,
  );
});
