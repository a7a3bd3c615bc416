import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { WrittenPlan } from '../rollout/plan.ts';
import type { PlanFault } from '../rollout/plan-fault.ts';
import { inlineName, type PlanService, type PutAnswer } from '../rollout/plans.ts';
import { actorOf } from './authenticate.ts';
import { conditionOf, tagOf } from './entity-tag.ts';
import { negotiate } from './negotiate.ts';
import { PlanVersionOnWire, renderHead, renderVersion } from './plan-wire.ts';
import { ProblemError } from './problem.ts';
import { planErrors } from './refusals.ts';
import { type ApiServer, json, NoQuery } from './route.ts';
import { clip } from './wire-parts.ts';

const example = {
  checks: { errors: { metric: 'errorRate', max: '0.5%' } },
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '5m' },
    { type: 'promote', bake: '5m' },
  ],
};

const headers = z.looseObject({
  'if-match': z
    .string()
    .optional()
    .describe('The ETag of the version that this one replaces; needed when there is a plan of this name.'),
  'if-none-match': z.string().optional().describe('`*` creates a plan and never replaces one.'),
});

const schema = {
  operationId: 'putPlan',
  summary: 'Create a plan, or write its next version',
  description:
    'Earlier versions stay, and rollouts keep the copy that they began with. Content that the newest version has already makes no new one.',
  tags: ['plans'],
  params: z.strictObject({ name: z.string().describe('The name of the plan.') }),
  querystring: NoQuery,
  headers,
  body: WrittenPlan,
  response: {
    200: json('The next version, or the present one when it says the same.', PlanVersionOnWire),
    201: json('The first version.', PlanVersionOnWire),
  },
};

const problems = [
  'forbidden-key',
  'not-acceptable',
  'precondition-failed',
  'payload-too-large',
  'unsupported-media-type',
  'plan-invalid',
  'plan-inconsistent',
  'if-match-required',
] as const;

const etag = { type: 'string', description: 'The version, in quotes.' } as const;
const location = { type: 'string', description: 'The path of the version, without a host.' } as const;

/** `PUT /v1/plans/{name}`. */
export function putPlanRoute(app: ApiServer, plans: PlanService): void {
  app.route({
    method: 'PUT',
    url: '/v1/plans/:name',
    config: {
      problems,
      takesYaml: true,
      bodyExample: example,
      answerHeaders: { 200: { ETag: etag }, 201: { ETag: etag, Location: location } },
    },
    schema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { name } = request.params;
      refuseName(name, request.body.name);
      refuseUnknown(plans.unknownIn(request.body));
      const condition = conditionOf(request.headers);
      const answer = await plans.put({ name, plan: request.body, condition, actor: actorOf(request) });
      return send(reply, name, answer);
    },
  });
}

function refuseName(name: string, written: string): void {
  const detail = nameFault(name, written);
  if (detail === null) return;
  const errors = [{ pointer: '/name', code: 'invalid-name', detail }];
  throw new ProblemError('plan-invalid', 'The name of the plan is wrong. Nothing was done.', { errors });
}

function refuseUnknown(faults: PlanFault[]): void {
  if (faults.length === 0) return;
  const detail = 'The plan asks for what this canaryd does not have. Nothing was done.';
  throw new ProblemError('plan-inconsistent', detail, { errors: planErrors(faults, []) });
}

function nameFault(name: string, written: string): string | null {
  if (name === inlineName)
    return `"${inlineName}" is what plans without a name are called: choose another one`;
  if (!WrittenPlan.in.shape.name.safeParse(name).success) {
    return 'a name has 1 to 63 of a-z, 0-9 and "-", and starts and ends with a letter or digit';
  }
  if (written === name || written === inlineName) return null;
  return `is not the name in the path, "${clip(name)}": leave it out`;
}

function send(reply: FastifyReply, name: string, answer: PutAnswer): FastifyReply {
  switch (answer.kind) {
    case 'created':
      reply.code(201).header('location', renderHead(answer.version).links.self);
      break;
    case 'replaced':
    case 'unchanged':
      reply.code(200);
      break;
    case 'unconditional':
      throw unconditional(name, answer.newest.version);
    case 'changed':
      throw changed(name, answer.newest?.version ?? null);
  }
  return reply.header('etag', tagOf(answer.version.version)).send(renderVersion(answer.version));
}

function unconditional(name: string, newest: number): ProblemError {
  const detail = `Plan "${name}" is there as version ${newest}. Read it, and send If-Match: ${tagOf(newest)} to replace it. Nothing was written.`;
  return new ProblemError('if-match-required', detail, {}, { etag: tagOf(newest) });
}

function changed(name: string, newest: number | null): ProblemError {
  if (newest === null) {
    const detail = `There is no plan "${name}" to replace. Leave If-Match out to create it. Nothing was written.`;
    return new ProblemError('precondition-failed', detail);
  }
  const detail = `The newest version of plan "${name}" is ${newest}. Read it, bring your change into it, and send If-Match: ${tagOf(newest)}. Nothing was written.`;
  return new ProblemError('precondition-failed', detail, {}, { etag: tagOf(newest) });
}
