import type { Judge, Rollback } from './judge.ts';
import { randomFor } from './random.ts';
import { type Recording, record } from './recording.ts';
import type { Scenario } from './service.ts';
import { polls, secondsAt } from './setting.ts';

/** What became of one scenario's rollouts under one judge. */
export type Tally = {
  scenario: Scenario;
  judge: string;
  rollouts: number;
  /** Rolled back: of a regressed canary, since its regression began. */
  rolledBack: number;
  /** Rolled back before the regression began: neither missed nor found. */
  early: number;
  /** Of a regressed canary: never rolled back. */
  missed: number;
  /** Seconds from the onset to the scrape that led back, a rollback each. */
  delays: number[];
  /** Over all rollouts, until the rollback or the end: bad requests caused, and requests that could be. */
  harm: number;
  exposed: number;
  /** How often each metric led back. */
  why: Map<string, number>;
};

/** Plays a scenario's rollouts and has every judge see each of them. */
export function tallyOf(
  scenario: Scenario,
  judges: readonly Judge[],
  { seed, rollouts }: { seed: number; rollouts: number },
): Tally[] {
  const tallies = judges.map(({ name }) => emptyTally(scenario, name));
  for (let number = 0; number < rollouts; number += 1) {
    const recording = record(randomFor(seed, scenario.name, number), scenario);
    for (const [index, judge] of judges.entries()) {
      const tally = tallies[index];
      if (tally !== undefined) count(tally, recording, judge);
    }
  }
  return tallies;
}

export function emptyTally(scenario: Scenario, judge: string): Tally {
  const none = { rollouts: 0, rolledBack: 0, early: 0, missed: 0, harm: 0, exposed: 0 };
  return { ...none, scenario, judge, delays: [], why: new Map() };
}

/** Adds one rollout. */
export function count(tally: Tally, recording: Recording, judge: Judge): void {
  const { regression, limits } = tally.scenario;
  const rollback = judge.rollsBackAt(recording, limits);
  const until = rollback === null ? polls : rollback.poll + 1;
  tally.rollouts += 1;
  tally.harm += sumOf(recording.harm.subarray(0, until));
  tally.exposed += sumOf(recording.exposed.subarray(0, until));
  if (rollback !== null) countRollback(tally, rollback);
  else if (regression !== null) tally.missed += 1;
}

function countRollback(tally: Tally, { poll, why }: Rollback): void {
  const { regression } = tally.scenario;
  tally.why.set(why, (tally.why.get(why) ?? 0) + 1);
  const delay = secondsAt(poll) - (regression?.from ?? 0);
  if (delay <= 0) {
    tally.early += 1;
    return;
  }
  tally.rolledBack += 1;
  if (regression !== null) tally.delays.push(delay);
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
