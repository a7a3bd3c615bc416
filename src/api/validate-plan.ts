import { z } from 'zod';
import { needsIn } from '../rollout/forecast-needs.ts';
import { WrittenPlan } from '../rollout/plan.ts';
import type { PlanService } from '../rollout/plans.ts';
import { withoutRules } from '../rollout/rule-checks.ts';
import { timelineOf } from '../rollout/timeline.ts';
import { fieldFaults } from './field-faults.ts';
import { negotiate } from './negotiate.ts';
import { planDigest } from './plan-digest.ts';
import { PlanOnWire } from './plan-on-wire.ts';
import { FieldFault } from './problem.ts';
import { planErrors } from './refusals.ts';
import { renderNeed } from './render-sight.ts';
import { InlineRolloutBody } from './rollout-body.ts';
import { type ApiServer, json, NoQuery } from './route.ts';
import { StepNeedOnWire } from './sight-wire.ts';

const Timeline = z.object({
  steps: z.array(
    z.object({
      step: z.int().describe('Where the step stands in the plan, counted from 0.'),
      type: z.string(),
      share: z.number().describe("The canary's share in this step, in percent."),
      startsInSeconds: z.number().describe('After the start, if nothing holds and nobody pauses.'),
      needs: z
        .array(StepNeedOnWire)
        .describe(
          'What the sequential judge needs to see the limits where it watches the canary; else empty.',
        ),
    }),
  ),
  totalSeconds: z.number().describe('How long the plan takes if nothing holds and nobody pauses.'),
});

const Validation = z
  .object({
    valid: z.boolean(),
    errors: z.array(FieldFault).describe('What is wrong, each with its place in the body; at most 50.'),
    plan: PlanOnWire.nullable().describe('As it would be kept, with every default; null when it is wrong.'),
    digest: z.string().nullable(),
    timeline: Timeline.nullable(),
  })
  .meta({ id: 'PlanValidation' });

const example = {
  steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '5m' }, { type: 'promote' }],
};

const schema = {
  operationId: 'validatePlan',
  summary: 'Check a plan without keeping or starting anything',
  description:
    'Takes a plan, or the body of a rollout whose plan stands in it. A plan with faults is a successful answer: `valid` is false and `errors` names them all. Only what cannot be read is a problem.',
  tags: ['plans'],
  querystring: NoQuery,
  body: z.unknown().describe('A plan as in `/v1/plan.schema.json`, or `target` and `plan` as for a rollout.'),
  response: { 200: json('What is wrong with the plan, or what it would do.', Validation) },
};

/** `POST /v1/plans:validate`. */
export function validatePlanRoute(app: ApiServer, plans: Pick<PlanService, 'unknownIn'>): void {
  app.route({
    method: 'POST',
    // A colon that is written twice is one that stands in the path.
    url: '/v1/plans::validate',
    config: {
      problems: ['forbidden-key', 'not-acceptable', 'payload-too-large', 'unsupported-media-type'],
      takesYaml: true,
      bodyExample: example,
    },
    schema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      return validate(request.body, plans);
    },
  });
}

function validate(data: unknown, plans: Pick<PlanService, 'unknownIn'>): z.output<typeof Validation> {
  const isRollout = typeof data === 'object' && data !== null && ('plan' in data || 'target' in data);
  const schema = isRollout ? InlineRolloutBody : WrittenPlan;
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const errors = fieldFaults(parsed.error.issues, { schema, data });
    return { valid: false, errors, plan: null, digest: null, timeline: null };
  }
  const plan = 'plan' in parsed.data ? parsed.data.plan : parsed.data;
  const errors = planErrors(plans.unknownIn(plan), isRollout ? ['plan'] : []);
  if (errors.length > 0) return { valid: false, errors, plan: null, digest: null, timeline: null };
  const { steps, seconds } = timelineOf(plan);
  const known = withoutRules(plan);
  const timeline = {
    steps: steps.map((step) => ({ ...step, needs: needsIn(known, step).map(renderNeed) })),
    totalSeconds: seconds,
  };
  return { valid: true, errors: [], plan, digest: planDigest(plan), timeline };
}
