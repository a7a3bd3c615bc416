import { beforeAll, describe, expect, it } from 'vitest';
import type { StepType } from '../../../src/rollout/plan-parts.ts';
import type { StateKind } from '../../../src/rollout/state.ts';
import { broken } from './broken.ts';
import { faultKinds } from './faults.ts';
import type { Protections } from './protections.ts';
import { simulate } from './simulation.ts';
import { added, emptySummary, summaryOf } from './summary.ts';

const seeds = 500;
const stepTypes: StepType[] = [
  'setWeight',
  'setHeaderRoute',
  'setMirrorRoute',
  'bake',
  'pause',
  'approval',
  'promote',
];

let all = emptySummary();
const deafEnds: string[] = [];

beforeAll(async () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await simulate(seed);
    all = added(all, summaryOf(run));
    if (run.isDeaf) deafEnds.push(run.rollout.state.kind);
  }
}, 300_000);

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

describe('several workers, with every fault that a cluster, a database or a person can think of', () => {
  it(`break no promise in ${seeds} simulated runs`, () => {
    expect(all.broken).toEqual([]);
    expect(all.runs).toBe(seeds);
  });

  it.each(faultKinds)('meet the fault %s in those runs', (kind) => {
    expect(all.faults[kind] ?? 0).toBeGreaterThan(0);
  });

  it.each(stepTypes)('reach the step %s in those runs', (type) => {
    expect(all.steps[type] ?? 0).toBeGreaterThan(0);
  });

  it.each<StateKind>([
    'succeeded',
    'rolledBack',
    'rollbackFailed',
    'preflightFailed',
    'cancelled',
  ])('bring the end %s about', (end) => {
    expect(all.ends[end] ?? 0).toBeGreaterThan(0);
  });

  it('come out the same for the same seed', async () => {
    const [first, second] = [await simulate(7), await simulate(7)];
    expect(second.trace).toEqual(first.trace);
    expect(second.rollout).toEqual(first.rollout);
  });

  it('come out the same whatever the clocks of their processes show', async () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const [skewed, right] = [await simulate(seed), await simulate(seed, { skew: false })];
      expect(right.trace).toEqual(skewed.trace);
      expect(right.rollout).toEqual(skewed.rollout);
    }
  });

  it('bring rollbacks to their end also when no patch is ever answered again', () => {
    expect(deafEnds.filter((end) => end === 'rolledBack').length).toBeGreaterThan(5);
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

  it('without the resourceVersion precondition it finds a canary that was taken back by hand and got traffic again', async () => {
    const promise = "what was taken back without the database gets no more of canaryd's traffic";
    expect(await firstSeedThatBreaks(promise, { resourceVersion: false })).not.toBeNull();
  }, 120_000);

  it.each(broken)(
    'with %s it finds that this is broken: %s',
    async (_what, promise, protections) => {
      expect(await firstSeedThatBreaks(promise, { ...protections, isPlain: true })).not.toBeNull();
    },
    120_000,
  );
});
