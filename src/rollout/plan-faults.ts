import { managedFaults } from './managed-faults.ts';
import type { PlanFault } from './plan-fault.ts';
import { type Check, enforcedIn, isWatched, longestIn, type Step, watchedSeconds } from './plan-parts.ts';
import { type Readiness, waiverFaults } from './plan-readiness.ts';
import { routesAfter } from './route-steps.ts';

type PlanParts = {
  interval: number;
  deadline: number;
  judge: 'threshold' | 'sequential';
  checks: Record<string, Check>;
  steps: Step[];
  readiness?: Readiness | undefined;
};

/** What is wrong with a plan whose parts are each right; paths begin at the plan. */
export function planFaults(plan: PlanParts): PlanFault[] {
  return [
    ...weightFaults(plan.steps),
    ...managedFaults(plan.steps),
    ...idleBakeFaults(plan.steps),
    ...provenNothing(plan),
    ...unprovenRaises(plan),
    ...blindness(plan),
    ...idleEarly(plan),
    ...endFaults(plan.steps),
    ...timeFaults(plan),
    ...waiverFaults(plan),
  ];
}

function weightFaults(steps: Step[]): PlanFault[] {
  const faults: PlanFault[] = [];
  let reached = 0;
  for (const [index, step] of steps.entries()) {
    if (step.type !== 'setWeight') continue;
    const fault = weightFault(step, reached, index);
    if (fault !== null) faults.push(fault);
    else reached = step.weight;
  }
  return faults;
}

function weightFault(
  { weight, reduce }: Extract<Step, { type: 'setWeight' }>,
  reached: number,
  index: number,
): PlanFault | null {
  const path = ['steps', index, 'weight'];
  const sets = `step ${index + 1} sets ${weight} % after ${reached} %`;
  if (reduce === undefined && weight <= reached) {
    const mend = weight < reached && reached > 0 ? '; write "reduce": true if it is meant to fall' : '';
    const message = `${sets} was reached; each weight is above the one before${mend}`;
    return { path, code: 'weight-not-increasing', message };
  }
  if (reduce === undefined || weight < reached) return null;
  const message = `${sets} was reached, and "reduce" says that it falls: take it out, or set a lower weight`;
  return { path, code: 'weight-not-decreasing', message };
}

/** Nothing mirrored is measured, so that only a weight or a header route gives a bake something to watch. */
function idleBakeFaults(steps: Step[]): PlanFault[] {
  const firstWeight = steps.findIndex((step) => step.type === 'setWeight');
  const before = firstWeight < 0 ? steps : steps.slice(0, firstWeight);
  return before.flatMap((step, index) => {
    if (step.type !== 'bake' || hasHeaderRoute(steps.slice(0, index))) return [];
    const message =
      'a bake before the first setWeight or setHeaderRoute has no canary to watch (mirrored requests are not measured)';
    return [{ path: ['steps', index], code: 'plan-inconsistent', message }];
  });
}

function hasHeaderRoute(steps: Step[]): boolean {
  return routesAfter(steps).some(({ kind }) => kind === 'header');
}

/** Without a check there is nothing that a bake could wait for, as for routes that have no HTTP metrics. */
function provenNothing(plan: PlanParts): PlanFault[] {
  if (canProve(plan) || !plan.steps.some(isWatched)) return [];
  const message =
    Object.keys(plan.checks).length > 0
      ? 'a bake has nothing to prove when every check is only observed: take "mode": "observe" away from one, or let "judge": "sequential" compare the canary with stable'
      : 'a bake without checks has nothing to prove: write a check, or wait by pause and approval';
  return [{ path: ['checks'], code: 'plan-inconsistent', message }];
}

/** A canary with traffic is raised further only on what a bake has shown or, without checks, on what people have seen. */
function unprovenRaises(plan: PlanParts): PlanFault[] {
  const { steps } = plan;
  const isProof = canProve(plan) ? ({ type }: Step) => type === 'bake' : isStop;
  const mend = canProve(plan)
    ? 'without proof: put a bake before it'
    : 'without a stop: put a pause or an approval before it';
  return steps.flatMap((step, index) => {
    const from = steps.findLastIndex(({ type }, earlier) => earlier < index && type === 'setWeight');
    const reached = steps[from];
    if (!isRaise(step) || reached?.type !== 'setWeight' || reached.weight === 100) return [];
    if (steps.slice(from, index).some(isProof)) return [];
    const message = `goes on from ${reached.weight} % ${mend}`;
    return [{ path: ['steps', index], code: 'plan-inconsistent', message }];
  });
}

/** A plan that never watches would prove nothing by coming to its end. */
function blindness(plan: PlanParts): PlanFault[] {
  const { steps } = plan;
  const isStopped = steps.some(isWatched) || (!canProve(plan) && steps.some(isStop));
  const message = canProve(plan)
    ? 'watches the canary at no time: add a bake, or give promote one'
    : 'stops at no time: add a pause or an approval';
  return isStopped ? [] : [{ path: ['steps'], code: 'plan-inconsistent', message }];
}

/** Thresholds know no proof of health: a bake that waits for one would never end early, which nobody would notice. */
function idleEarly({ judge, steps }: PlanParts): PlanFault[] {
  if (judge === 'sequential') return [];
  const message =
    'only the sequential judge ends a bake early: leave "early" out, or write "judge": "sequential"';
  return steps.flatMap((step, index) =>
    step.type === 'bake' && step.early
      ? [{ path: ['steps', index, 'early'], code: 'plan-inconsistent', message }]
      : [],
  );
}

/** The sequential judge compares with stable, whatever is only observed; thresholds prove what is enforced. */
function canProve({ judge, checks }: PlanParts): boolean {
  return Object.keys(judge === 'sequential' ? checks : enforcedIn(checks)).length > 0;
}

function isStop({ type }: Step): boolean {
  return type === 'pause' || type === 'approval';
}

function isRaise(step: Step): boolean {
  return step.type === 'promote' || (step.type === 'setWeight' && step.reduce === undefined);
}

function endFaults(steps: Step[]): PlanFault[] {
  const promote = steps.findIndex((step) => step.type === 'promote');
  if (promote >= 0 && promote !== steps.length - 1) {
    return [
      {
        path: ['steps', promote],
        code: 'promote-not-last',
        message: 'promote ends a plan: nothing may follow it',
      },
    ];
  }
  if (promote >= 0 || steps.some((step) => step.type === 'setWeight' && step.weight === 100)) return [];
  return [
    {
      path: ['steps'],
      code: 'plan-does-not-reach-100',
      message: 'the plan ends below 100 %: end it with {"type":"promote"} or a setWeight of 100',
    },
  ];
}

function timeFaults(plan: PlanParts): PlanFault[] {
  const planned = plan.steps.reduce((sum, step) => sum + (watchedSeconds(step) ?? 0), 0);
  const faults = [...bakeFaults(plan), ...windowFaults(plan)];
  if (planned < plan.deadline) return faults;
  const message = `the steps alone take ${planned} s: set a later deadline`;
  return [...faults, { path: ['deadline'], code: 'plan-inconsistent', message }];
}

function bakeFaults({ steps, checks }: PlanParts): PlanFault[] {
  const longest = longestIn(enforcedIn(checks));
  return steps.flatMap((step, index) => {
    const seconds = step.type === 'pause' ? null : watchedSeconds(step);
    if (seconds === null || seconds >= longest) return [];
    const message = `bakes for ${seconds} s, but a check looks back ${longest} s: bake at least that long, or shorten its window`;
    return [
      {
        path: ['steps', index, step.type === 'bake' ? 'duration' : 'bake'],
        code: 'plan-inconsistent',
        message,
      },
    ];
  });
}

function windowFaults({ checks, interval }: PlanParts): PlanFault[] {
  return Object.entries(checks)
    .filter(([, check]) => check.window < interval)
    .map(([id, check]) => ({
      path: ['checks', id, 'window'],
      code: 'plan-inconsistent',
      message: `looks back ${check.window} s every ${interval} s and would miss requests: a window is at least the interval`,
    }));
}

/** Between fewer samples than two nothing is seen to change. */
export function blindWindows({ checks }: Pick<PlanParts, 'checks'>, scrapeSeconds: number): PlanFault[] {
  const shortest = 2 * scrapeSeconds;
  return Object.entries(checks)
    .filter(([, { window }]) => window < shortest)
    .map(([id, { window }]) => ({
      path: ['checks', id, 'window'],
      code: 'plan-inconsistent',
      message: `looks back ${window} s, but metrics are scraped every ${scrapeSeconds} s: a window spans at least two scrapes (${shortest} s)`,
    }));
}
