import { z } from 'zod';
import { Alerts } from './plan-alerts.ts';
import type { PlanFault } from './plan-fault.ts';
import { planFaults } from './plan-faults.ts';
import { Check, CheckId, PlannedCheck, Step, WrittenCheck } from './plan-parts.ts';
import { Readiness } from './plan-readiness.ts';
import { withStandIns } from './rule-checks.ts';
import { Seconds } from './units.ts';

const bankChecks = {
  errorRate: { metric: 'errorRate', max: 0.01, window: 60, failures: 2, minRequests: 100 },
  p99: { metric: 'p99LatencyMs', max: 2000, window: 60, failures: 2, minRequests: 100 },
} satisfies Record<string, Check>;

const Judge = z.enum(['threshold', 'sequential'], { error: 'write sequential or threshold' });
const whoJudges =
  'Who decides: `sequential` compares canary and stable request by request and knows how sure it is; `threshold` compares each measurement with its limit, as an alert rule does.';

/**
 * A plan as it is kept. Rules between its parts are asked of what people write, never of what is kept: a rollout that
 * a later version would refuse must still find its way back.
 */
export const StoredPlan = z.strictObject({
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
  onDrift: z
    .enum(['pause', 'reassert', 'rollback'], { error: 'write pause, reassert or rollback' })
    .default('pause')
    .describe(
      'What somebody else moving the weights means: wait for a person, write a canary that was raised back (at most 3 times in 5 minutes, then pause), or roll back.',
    ),
  onSuccess: z
    .enum(['keep', 'handover'], { error: 'write keep or handover' })
    .default('keep')
    .describe(
      'What follows the last step: the canary keeps all traffic, or waits until stable runs its images and hands over.',
    ),
  handoverBake: Seconds.default(300).describe('Seconds to watch stable after it was handed over.'),
  stable: z.strictObject({ minReady: z.int().min(1).optional() }).default({}),
  readiness: Readiness.optional(),
  alerts: Alerts.optional(),
  judge: Judge.default('threshold').describe(whoJudges),
  checks: z.record(CheckId, Check).default(bankChecks),
  steps: z
    .array(Step)
    .min(1, { error: 'a plan has at least one step' })
    .max(50, { error: 'a plan has at most 50 steps' }),
});

export type StoredPlan = z.infer<typeof StoredPlan>;

/** The same, as it is kept for rollouts to come: they ask what its alert rules say. */
export const StoredWrittenPlan = StoredPlan.extend({
  checks: z.record(CheckId, WrittenCheck).default(bankChecks),
});

/** What was kept before there was a choice goes on as it began. */
const written = { judge: Judge.default('sequential').describe(whoJudges) };
const Planned = StoredPlan.extend({
  ...written,
  checks: z.record(CheckId, PlannedCheck).default(bankChecks),
});

/**
 * A plan as people write it: steps and checks only, so that one plan serves many services. Durations are seconds and
 * ratios are 0..1 once parsed. Parsing a parsed plan gives the same plan.
 */
export const Plan = Planned.superRefine((plan, context) => addFaults(planFaults(plan), context)).transform(
  (plan) => ({ ...plan, steps: endingInPromote(plan.steps) }),
);
export type Plan = z.infer<typeof Plan>;

/** The same, where a check may name an alert rule, which is asked when somebody asks for a rollout. */
export const WrittenPlan = StoredWrittenPlan.extend(written)
  .superRefine((plan, context) => addFaults(planFaults(withStandIns(plan)), context))
  .transform((plan) => ({ ...plan, steps: endingInPromote(plan.steps) }));
export type WrittenPlan = z.infer<typeof WrittenPlan>;

function addFaults(faults: PlanFault[], context: z.RefinementCtx): void {
  for (const { path, code, message } of faults) {
    context.addIssue({ code: 'custom', path, message, params: { code } });
  }
}

/** A plan that reaches 100 % by a weight still needs its last step, which ends the rollout. */
function endingInPromote(steps: Step[]): Step[] {
  return steps.at(-1)?.type === 'promote' ? steps : [...steps, { type: 'promote' }];
}
