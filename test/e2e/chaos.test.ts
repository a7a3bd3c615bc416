import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Violation } from '../chaos/invariants.ts';
import { type Protection, protections } from '../chaos/protections.ts';
import { runChaos } from '../chaos/run.ts';
import { faultKinds } from '../chaos/schedule.ts';
import { startWorld, type World } from '../chaos/world.ts';

const patience = 300_000;
const seed = 7;
const seconds = 20;

let world: World;

beforeAll(async () => {
  world = await startWorld({ seed, workers: 4 });
}, patience);

afterAll(() => world?.close(), 60_000);

describe('four workers on real parts while everything fails in turn', () => {
  it(
    'leave no user on a bad canary, lose no rollout, and write down nothing that is not so',
    async () => {
      const outcome = await runChaos(world, { seed, seconds, without: null, aim: null });
      expect(outcome.violations).toEqual([]);
      expect(outcome.faults.size).toBeGreaterThan(faultKinds.length / 2);
      expect(outcome.rollouts.size).toBeGreaterThan(0);
    },
    patience,
  );
});

describe('promises are broken by faults that aim at the gap', () => {
  it.each(protections)(
    'without %s',
    async (protection) => {
      expect(await violationsWithout(protection)).not.toEqual([]);
    },
    4 * patience,
  );
});

/** Whether a fault meets the gap is a matter of milliseconds: a few schedules are tried, and one has to. */
async function violationsWithout(protection: Protection): Promise<Violation[]> {
  for (const attempt of [0, 1, 2, 3]) {
    const options = { seed: seed + attempt, seconds, without: protection, aim: protection };
    const { violations } = await runChaos(world, options);
    if (violations.length > 0) return violations;
  }
  return [];
}
