import { z } from 'zod';
import { commandBodies } from '../rollout/command.ts';
import { WrittenPlan } from '../rollout/plan.ts';
import { type Choice, PlanReference, type PlanService } from '../rollout/plans.ts';
import { OnConflict } from '../rollout/scheduled.ts';
import { SoundTargetRequest } from '../rollout/sound-target.ts';
import { pointerOf } from './field-faults.ts';
import { ProblemError } from './problem.ts';
import { clip, untouched } from './wire-parts.ts';

const start = {
  startAt: z.iso
    .datetime({ offset: true, error: 'write a time with its offset, such as "2026-11-24T14:00:00Z"' })
    .optional()
    .describe('When to begin, at most 30 days ahead; left out: now. The roles are given then.'),
  onConflict: OnConflict.optional().describe(
    'When another rollout holds the VirtualService: `reject` (the default), or `queue` to wait for up to a day.',
  ),
};

const reason = commandBodies.pause.shape.reason.describe('Goes into the audit log.');

/** What starts a rollout: a target, and a plan or the name of one that is kept. */
export const RolloutBody = z.strictObject({
  target: SoundTargetRequest,
  plan: z
    .union([WrittenPlan, PlanReference], { error: 'write the plan as an object, or the name of one as text' })
    .describe(
      'The plan itself, or one that is kept: `"pci-standard"` (its newest version) or `"pci-standard@7"`.',
    ),
  reason,
  ...start,
});

/** A rollout whose plan stands in it. */
export const InlineRolloutBody = z.strictObject({
  target: SoundTargetRequest,
  plan: WrittenPlan,
  reason,
  ...start,
});

/** The plan to follow, and which version it is; null for one that came with the request. Throws when there is none. */
export async function choosePlan(
  plans: PlanService,
  asked: z.output<typeof RolloutBody>['plan'],
): Promise<{ plan: WrittenPlan; planVersion: number | null }> {
  if (typeof asked !== 'string') return { plan: asked, planVersion: null };
  const choice = await plans.choose(asked);
  if (choice.kind === 'chosen') return { plan: choice.plan, planVersion: choice.version };
  throw choice.kind === 'unknown' ? unknownPlan(choice) : outdatedPlan(choice);
}

function unknownPlan({ name, version, newest, names }: Extract<Choice, { kind: 'unknown' }>): ProblemError {
  const detail =
    newest === null || version === null
      ? `There is no plan "${clip(name)}". ${listOf(names)} Nothing was started.`
      : `Plan "${clip(name)}" has no version ${version}: its newest one is ${newest}. Nothing was started.`;
  const errors = [{ pointer: '/plan', code: 'plan-not-found', detail: 'names no plan that is kept' }];
  const explanation = untouched(detail, 'Name another plan, or send the plan itself.');
  return new ProblemError('plan-not-found', detail, { errors, explanation });
}

function listOf(names: string[]): string {
  if (names.length === 0) return 'No plan is kept yet: PUT /v1/plans/{name} keeps one.';
  const more = names.length < 10 ? '' : ' and perhaps more (GET /v1/plans)';
  return `There are: ${names.join(', ')}${more}.`;
}

function outdatedPlan({ version, faults }: Extract<Choice, { kind: 'outdated' }>): ProblemError {
  const detail = `Version ${version.version} of plan "${version.name}" breaks a rule that it was written before. Nothing was started.`;
  const errors = faults.map(({ path, code, message }) => ({
    pointer: pointerOf(['plan', ...path]),
    code,
    detail: message,
  }));
  const explanation = untouched(detail, 'Mend what `errors` lists in a new version, and send it again.');
  return new ProblemError('plan-invalid', detail, { errors, explanation });
}
