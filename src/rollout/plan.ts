import { z } from 'zod';
import { Ratio, Seconds, Share } from './units.ts';

/** Envoy's highest finite latency bucket in Istio; a quantile above it is silently capped by Prometheus. */
export const highestBucketMs = 3_600_000;

const judging = {
  window: Seconds.default(60).describe('How far back each measurement looks, in seconds.'),
  failures: z.int().min(1).max(100).default(2).describe('Failing measurements in a row that roll back.'),
  minRequests: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(100)
    .describe('Requests in the window below which nothing is judged.'),
};

const ErrorRateCheck = z.strictObject({
  metric: z.literal('errorRate').describe('Responses with a 5xx status as a ratio of all responses.'),
  max: Ratio.default(0.01).describe('The highest ratio that passes.'),
  ...judging,
});

const P99LatencyCheck = z.strictObject({
  metric: z.literal('p99LatencyMs').describe('99th percentile of the response time, in milliseconds.'),
  max: z
    .number()
    .positive({ error: 'a latency limit is above 0 ms' })
    .lt(highestBucketMs, { error: `a latency limit lies below the highest bucket, ${highestBucketMs} ms` })
    .default(2000)
    .describe('The highest P99 that passes, in milliseconds.'),
  ...judging,
});

export const Check = z.discriminatedUnion('metric', [ErrorRateCheck, P99LatencyCheck]);
export type Check = z.infer<typeof Check>;

export const CheckId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, {
    error: 'a check is named by 1 to 40 of A-Z, a-z, 0-9, "_" and "-"',
  })
  // Results are looked up by this name, and every object already answers to these.
  .refine((id) => !(id in {}), { error: 'this name is taken: choose another one' });

const SetWeight = z.strictObject({
  type: z.literal('setWeight'),
  weight: Share.refine((share) => share > 0, { error: 'a step raises the weight above 0' }).describe(
    "The canary's share in percent.",
  ),
});
const Bake = z.strictObject({
  type: z.literal('bake'),
  duration: Seconds.describe('How long the share is watched, in seconds.'),
});
const Pause = z.strictObject({
  type: z.literal('pause'),
  duration: Seconds.optional().describe(
    'Seconds to wait; without it the rollout waits for a person to resume it.',
  ),
});
const Promote = z.strictObject({
  type: z.literal('promote'),
  bake: Seconds.optional().describe(
    'Seconds to watch at 100 % before the rollout ends; a breach still rolls back.',
  ),
});

export const Step = z.discriminatedUnion('type', [SetWeight, Bake, Pause, Promote]);
export type Step = z.infer<typeof Step>;
export type StepType = Step['type'];

const bankChecks = {
  errorRate: { metric: 'errorRate', max: 0.01, window: 60, failures: 2, minRequests: 100 },
  p99: { metric: 'p99LatencyMs', max: 2000, window: 60, failures: 2, minRequests: 100 },
} satisfies Record<string, Check>;

/**
 * A plan: steps and checks only, so that one plan serves many services. Durations are seconds and ratios are
 * 0..1 once parsed. Parsing a parsed plan gives the same plan.
 */
export const Plan = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/)
      .default('inline'),
    interval: Seconds.refine((seconds) => seconds >= 1, { error: 'measure at most once a second' })
      .default(10)
      .describe('Seconds between two measurements.'),
    deadline: Seconds.default(7200).describe('Seconds after which an unfinished rollout rolls back.'),
    pauseExpiry: Seconds.default(86_400).describe('Seconds after which a pause rolls back.'),
    metricsDown: z
      .enum(['rollback', 'page'])
      .default('rollback')
      .describe('What 15 minutes without metrics mean at 100 %.'),
    stable: z.strictObject({ minReady: z.int().min(1).optional() }).default({}),
    checks: z
      .record(CheckId, Check)
      .refine((checks) => Object.keys(checks).length > 0, { error: 'a plan has at least one check' })
      .default(bankChecks),
    steps: z
      .array(Step)
      .min(1, { error: 'a plan has at least one step' })
      .max(50, { error: 'a plan has at most 50 steps' }),
  })
  .superRefine((plan, context) => {
    for (const fault of planFaults(plan)) {
      context.addIssue({
        code: 'custom',
        path: fault.path,
        message: fault.message,
        params: { code: fault.code },
      });
    }
  })
  .transform((plan) => ({ ...plan, steps: endingInPromote(plan.steps) }));
export type Plan = z.infer<typeof Plan>;

/** A plan that reaches 100 % by a weight still needs its last step, which ends the rollout. */
function endingInPromote(steps: Step[]): Step[] {
  return steps.at(-1)?.type === 'promote' ? steps : [...steps, { type: 'promote' }];
}

type PlanFault = { path: (string | number)[]; code: string; message: string };
type PlanParts = { interval: number; deadline: number; checks: Record<string, Check>; steps: Step[] };

function planFaults(plan: PlanParts): PlanFault[] {
  return [
    ...weightFaults(plan.steps),
    ...idleBakeFaults(plan.steps),
    ...endFaults(plan.steps),
    ...timeFaults(plan),
  ];
}

function weightFaults(steps: Step[]): PlanFault[] {
  const faults: PlanFault[] = [];
  let reached = 0;
  for (const [index, step] of steps.entries()) {
    if (step.type !== 'setWeight') continue;
    if (step.weight <= reached) {
      faults.push({
        path: ['steps', index, 'weight'],
        code: 'weight-not-increasing',
        message: `step ${index + 1} sets ${step.weight} % after ${reached} % was reached; each weight is above the one before`,
      });
    }
    reached = Math.max(reached, step.weight);
  }
  return faults;
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

/** The longest window of a plan's checks, in seconds. */
export function longestWindowSeconds(checks: Plan['checks']): number {
  return Math.max(0, ...Object.values(checks).map((check) => check.window));
}

/** Seconds for which a step watches or waits; null when it does neither. */
export function watchedSeconds(step: Step): number | null {
  if (step.type === 'bake') return step.duration;
  if (step.type === 'pause') return step.duration ?? null;
  if (step.type === 'promote') return step.bake ?? null;
  return null;
}
