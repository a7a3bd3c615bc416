import { describe, expect, it } from 'vitest';
import { broken } from './broken.ts';
import type { Protections } from './shell.ts';
import { simulate } from './simulation.ts';

const seeds = Number(process.env['CANARYD_SEEDS'] ?? 2000);
const replayed = process.env['CANARYD_SEED'];

async function violationsIn(count: number, protections: Protections): Promise<string[]> {
  const found: string[] = [];
  for (let seed = 1; seed <= count; seed += 1) {
    const { violations } = await simulate(seed, protections);
    found.push(...violations.map(({ promise, detail }) => `seed ${seed}: ${promise} (${detail})`));
  }
  return found;
}

async function firstBrokenSeed(count: number, protections: Protections): Promise<number | null> {
  for (let seed = 1; seed <= count; seed += 1) {
    if ((await simulate(seed, protections)).violations.length > 0) return seed;
  }
  return null;
}

async function firstSeedThatBreaks(promise: string, protections: Protections): Promise<number | null> {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const { violations } = await simulate(seed, protections);
    if (violations.some((violation) => violation.promise === promise)) return seed;
  }
  return null;
}

describe('several workers, crashes at every await, late and lost patches, people in between', () => {
  it.runIf(replayed === undefined)(
    `break no promise in ${seeds} simulated runs`,
    async () => {
      expect(await violationsIn(seeds, {})).toEqual([]);
    },
    300_000,
  );

  it.runIf(replayed !== undefined)(`replays seed ${replayed}`, async () => {
    const run = await simulate(Number(replayed));
    expect(run.violations, run.trace.join('\n')).toEqual([]);
  });

  it('come out the same for the same seed', async () => {
    const [first, second] = [await simulate(7), await simulate(7)];
    expect(second.trace).toEqual(first.trace);
    expect(second.rollout).toEqual(first.rollout);
  });

  it('bring every kind of end about', async () => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) ends.add((await simulate(seed)).rollout.state.kind);
    expect(ends).toContain('succeeded');
    expect(ends).toContain('rolledBack');
  });

  it('bring rollbacks to their end also when no patch is ever answered again', async () => {
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const { rollout, isDeaf } = await simulate(seed);
      if (isDeaf) ends.set(rollout.state.kind, (ends.get(rollout.state.kind) ?? 0) + 1);
    }
    expect(ends.get('rolledBack')).toBeGreaterThan(5);
  });
});

describe('the simulation has teeth', () => {
  it.each<[string, Protections]>([
    ['the epoch fence', { fence: false }],
    ['the resourceVersion precondition', { resourceVersion: false }],
    ['the closing write', { closingWrite: false, plan: 0 }],
  ])(
    'without %s it finds broken promises',
    async (_name, protections) => {
      expect(await firstBrokenSeed(2000, protections)).not.toBeNull();
    },
    120_000,
  );

  it.each(broken)(
    'with %s it finds that this is broken: %s',
    async (_what, promise, protections) => {
      expect(await firstSeedThatBreaks(promise, protections)).not.toBeNull();
    },
    120_000,
  );
});
