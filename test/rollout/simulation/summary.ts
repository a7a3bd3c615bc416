import type { Violation } from './evidence.ts';
import type { RunResult } from './simulation.ts';

/** How often each thing occurred, by its name. */
export type Counts = Record<string, number>;

/** What many runs came to; plain data, so that it can be sent from one process to another. */
export type Summary = {
  runs: number;
  turns: number;
  /** Patches that the mesh took. */
  writes: number;
  faults: Counts;
  /** By the state that a rollout was left in. */
  ends: Counts;
  /** In how many runs each kind of step was reached. */
  steps: Counts;
  broken: { seed: number; violations: Violation[] }[];
};

export function emptySummary(): Summary {
  return { runs: 0, turns: 0, writes: 0, faults: {}, ends: {}, steps: {}, broken: [] };
}

/** One run as a summary of its own. */
export function summaryOf({ seed, violations, turns, writes, faults, rollout, steps }: RunResult): Summary {
  return {
    runs: 1,
    turns,
    writes,
    faults: { ...faults },
    ends: { [rollout.state.kind]: 1 },
    steps: Object.fromEntries(steps.map((step) => [step, 1])),
    broken: violations.length > 0 ? [{ seed, violations }] : [],
  };
}

export function added(sum: Summary, more: Summary): Summary {
  return {
    runs: sum.runs + more.runs,
    turns: sum.turns + more.turns,
    writes: sum.writes + more.writes,
    faults: addedCounts(sum.faults, more.faults),
    ends: addedCounts(sum.ends, more.ends),
    steps: addedCounts(sum.steps, more.steps),
    broken: [...sum.broken, ...more.broken],
  };
}

function addedCounts(sum: Counts, more: Counts): Counts {
  const all = { ...sum };
  for (const [name, count] of Object.entries(more)) all[name] = (all[name] ?? 0) + count;
  return all;
}
