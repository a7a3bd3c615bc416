import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CreateRequest } from '../rollout/draft.ts';
import type { PlanService } from '../rollout/plans.ts';
import type { RolloutService } from '../rollout/service.ts';
import type { TargetRequest } from '../rollout/target.ts';
import { actorOf } from './authenticate.ts';
import {
  acceptedBody,
  acceptedHeaders,
  IdempotencyHeaders,
  keyOf,
  recallFor,
  recallRival,
  rememberAs,
  sendAccepted,
} from './idempotency.ts';
import { negotiate } from './negotiate.ts';
import { renderPreview } from './preview.ts';
import { PreviewOnWire } from './preview-wire.ts';
import { planProblem, startAtProblem, takenProblem, targetProblem } from './refusals.ts';
import { choosePlan, RolloutBody } from './rollout-body.ts';
import { type ApiServer, json } from './route.ts';
import { RolloutOnWire } from './wire.ts';

/** A rollout as people send it. */
export const createExample = {
  target: { namespace: 'payments', virtualService: 'payment-service' },
  plan: {
    checks: {
      errors: { metric: 'errorRate', max: '1%' },
      p99: { metric: 'p99LatencyMs', max: 2000 },
    },
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '5m' },
      { type: 'setWeight', weight: 50 },
      { type: 'bake', duration: '10m' },
      { type: 'promote', bake: '5m' },
    ],
  },
  reason: 'CHG0041234',
};

const CreateQuery = z.strictObject({
  dryRun: z
    .enum(['all'])
    .optional()
    .describe('`all` previews every weight that would be written, and writes none.'),
});

const schema = {
  operationId: 'createRollout',
  summary: 'Start, schedule or queue a rollout, or preview it',
  description:
    'Takes a VirtualService from stable to canary by a plan. Answers as soon as the rollout is written down; follow it at `Location`.',
  tags: ['rollouts'],
  querystring: CreateQuery,
  headers: IdempotencyHeaders,
  body: RolloutBody,
  response: {
    200: json('What would be done (`?dryRun=all`). Nothing was written.', PreviewOnWire),
    202: json(
      'The rollout is written down, and starts at once, at `startAt`, or when its turn comes.',
      RolloutOnWire,
    ),
  },
};

/** What may be wrong with the target and the plan that somebody asks with. */
export const askingProblems = [
  'not-acceptable',
  'rollout-already-active',
  'rollout-unreadable',
  'payload-too-large',
  'unsupported-media-type',
  'validation-error',
  'plan-invalid',
  'plan-inconsistent',
  'plan-not-found',
  'cluster-unknown',
  'target-not-found',
  'route-not-found',
  'route-ambiguous',
  'destination-not-in-route',
  'split-not-at-rest',
  'canary-ambiguous',
  'unsupported-shape',
  'subset-not-found',
  'service-not-found',
  'kubernetes-unavailable',
] as const;

const problems = [
  ...askingProblems,
  'forbidden-key',
  'idempotency-in-progress',
  'idempotency-key-reused',
] as const;

/** `POST /v1/rollouts`. */
export function createRoute(app: ApiServer, service: RolloutService, plans: PlanService): void {
  app.route({
    method: 'POST',
    url: '/v1/rollouts',
    config: {
      problems,
      answerHeaders: { 202: acceptedHeaders },
      takesYaml: true,
      bodyExample: createExample,
    },
    schema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { target, plan, reason = null, startAt, onConflict = 'reject' } = request.body;
      // Only when it is needed: a repeated request gets its first answer, whatever became of the plan.
      const ask = async (): Promise<CreateRequest> => ({
        target,
        ...(await choosePlan(plans, plan)),
        reason,
        startAt: startAt === undefined ? null : Date.parse(startAt),
        onConflict,
      });
      if (request.query.dryRun === 'all') {
        return reply
          .code(200)
          .send(renderPreview(await service.preview(await ask(), actorOf(request)), target));
      }
      return create(service, { ask, target }, request, reply);
    },
  });
}

async function create(
  service: RolloutService,
  { ask, target }: { ask: () => Promise<CreateRequest>; target: TargetRequest },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const keyed = keyOf(request);
  const earlier = await recallFor(service, keyed);
  if (earlier !== null) return sendAccepted(reply, earlier, true);
  const answer = await service.create(await ask(), actorOf(request), rememberAs(keyed, 202));
  switch (answer.kind) {
    case 'created':
      return sendAccepted(reply, { status: 202, body: acceptedBody(answer.rollout, answer.now) }, false);
    case 'answeredBefore':
      return sendAccepted(reply, await recallRival(service, keyed), true);
    case 'taken':
      throw takenProblem(answer.by);
    case 'startAtOutside':
      throw startAtProblem(answer);
    case 'planUnfit':
      throw planProblem(answer.faults);
    case 'clusterUnknown':
    case 'targetMissing':
    case 'targetShape':
    case 'meshUnavailable':
      throw targetProblem(answer, target);
  }
}
