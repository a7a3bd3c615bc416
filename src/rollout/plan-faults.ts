import { type Check, longestWindowSeconds, type Step, watchedSeconds } from './plan-parts.ts';

/** A fault of a plan: `path` begins at the plan, `message` says what to change. */
export type PlanFault = { path: (string | number)[]; code: string; message: string };
type PlanParts = { interval: number; deadline: number; checks: Record<string, Check>; steps: Step[] };

/** What is wrong with a plan whose parts are each right; paths begin at the plan. */
export function planFaults(plan: PlanParts): PlanFault[] {
  return [
    ...weightFaults(plan.steps),
    ...idleBakeFaults(plan.steps),
    ...unprovenRaises(plan.steps),
    ...blindness(plan.steps),
    ...endFaults(plan.steps),
    ...timeFaults(plan),
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

function idleBakeFaults(steps: Step[]): PlanFault[] {
  const firstWeight = steps.findIndex((step) => step.type === 'setWeight');
  const before = firstWeight < 0 ? steps : steps.slice(0, firstWeight);
  return before.flatMap((step, index) => {
    if (step.type !== 'bake') return [];
    const message = 'a bake before the first setWeight has no canary to watch';
    return [{ path: ['steps', index], code: 'plan-inconsistent', message }];
  });
}

/** A canary with traffic is raised further only on what a bake has shown. */
function unprovenRaises(steps: Step[]): PlanFault[] {
  return steps.flatMap((step, index) => {
    const from = steps.findLastIndex(({ type }, earlier) => earlier < index && type === 'setWeight');
    const reached = steps[from];
    if (!isRaise(step) || reached?.type !== 'setWeight' || reached.weight === 100) return [];
    if (steps.slice(from, index).some(({ type }) => type === 'bake')) return [];
    const message = `goes on from ${reached.weight} % without proof: put a bake before it`;
    return [{ path: ['steps', index], code: 'plan-inconsistent', message }];
  });
}

/** A plan that never watches would prove nothing by coming to its end. */
function blindness(steps: Step[]): PlanFault[] {
  const watches = steps.some(
    (step) => step.type === 'bake' || (step.type === 'promote' && step.bake !== undefined),
  );
  const message = 'watches the canary at no time: add a bake, or give promote one';
  return watches ? [] : [{ path: ['steps'], code: 'plan-inconsistent', message }];
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
  const longest = longestWindowSeconds(checks);
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
