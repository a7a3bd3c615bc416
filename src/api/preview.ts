import { z } from 'zod';
import type { Preview } from '../rollout/service.ts';
import { planProblem, takenProblem, targetProblem } from './refusals.ts';
import { renderPlan, renderTarget } from './render-rollout.ts';
import { RolloutOnWire } from './wire.ts';

const WeightDiff = z.object({
  op: z.enum(['add', 'replace', 'remove']),
  path: z.string().describe('JSON Pointer into the VirtualService.'),
  from: z.number().nullable().describe('What stands there before; null when there is no weight.'),
  value: z.number().nullable().describe('What is written; null when the weight is removed.'),
});

export const PreviewOnWire = z
  .object({
    dryRun: z.literal('all'),
    wouldStart: z.literal(true),
    target: RolloutOnWire.shape.target,
    versions: RolloutOnWire.shape.versions,
    plan: RolloutOnWire.shape.plan,
    steps: z.array(
      z.object({
        step: z.int().describe('Where the step stands in the plan, counted from 0.'),
        type: z.string(),
        share: z.number().describe("The canary's share in this step, in percent."),
        startsInSeconds: z.number().describe('After the start, if nothing holds and nobody pauses.'),
        diff: z.array(WeightDiff).describe('What this step writes to the VirtualService.'),
      }),
    ),
    totalSeconds: z.number().describe('How long the plan takes if nothing holds and nobody pauses.'),
  })
  .meta({ id: 'Preview' });

/** What a rollout would do, step by step. Throws a problem when it would not start. */
export function renderPreview(preview: Preview): z.output<typeof PreviewOnWire> {
  switch (preview.kind) {
    case 'preview':
      return renderSteps(preview);
    case 'taken':
      throw takenProblem(preview.by);
    case 'planUnfit':
      throw planProblem(preview.faults);
    case 'clusterUnknown':
    case 'targetMissing':
    case 'targetShape':
    case 'meshUnavailable':
      throw targetProblem(preview);
  }
}

function renderSteps({ rollout, steps, seconds }: Extract<Preview, { kind: 'preview' }>) {
  const { target } = rollout;
  return {
    dryRun: 'all' as const,
    wouldStart: true as const,
    target: renderTarget(target),
    versions: { stable: target.stable.version, canary: target.canary.version },
    plan: renderPlan(rollout),
    steps: steps.map(({ changes, ...step }) => ({ ...step, diff: changes })),
    totalSeconds: seconds,
  };
}
