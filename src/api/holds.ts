import { z } from 'zod';
import { commandBodies } from '../rollout/command.ts';
import type { HoldService, RollBackAnswer } from '../rollout/hold-orders.ts';
import type { Scope } from '../rollout/ports/holds.ts';
import { KubernetesName } from '../rollout/units.ts';
import { actorOf } from './authenticate.ts';
import { HoldId, HoldOnWire, NamespaceRollbackOnWire, PlacedHoldOnWire, renderHold } from './hold-wire.ts';
import { goingBackWords, heldWords, noneIn } from './hold-words.ts';
import { warningHeaders } from './lenient-body.ts';
import { negotiate } from './negotiate.ts';
import { ProblemError } from './problem.ts';
import { scopeProblem } from './refusals.ts';
import { pathTo } from './render-rollout.ts';
import { type ApiServer, json, NoQuery } from './route.ts';
import { nothingHere } from './validation.ts';
import { untouched } from './wire-parts.ts';

const reason = commandBodies.pause.shape.reason.describe(
  'Goes into the audit log and to everybody who is stopped.',
);

const placeSchema = {
  operationId: 'placeHold',
  summary: 'Stop every move forward: place a hold order',
  description:
    'Without a body everywhere; with `cluster` or `namespace` there. Weights stay, guards go on and still roll back. Turns under way are cut off. The same scope twice is one hold order.',
  tags: ['emergency'],
  querystring: NoQuery,
  body: z.strictObject({
    cluster: KubernetesName.optional(),
    namespace: KubernetesName.optional(),
    reason,
  }),
  response: {
    200: json('This scope is stopped already; the hold order that stands.', PlacedHoldOnWire),
    201: json('Nothing in the scope moves forward from now on.', PlacedHoldOnWire),
  },
};

const listSchema = {
  operationId: 'listHolds',
  summary: 'List the hold orders that stand',
  tags: ['emergency'],
  querystring: NoQuery,
  response: {
    200: json('The oldest first.', z.object({ data: z.array(HoldOnWire) }).meta({ id: 'HoldList' })),
  },
};

const liftSchema = {
  operationId: 'liftHold',
  summary: 'Let rollouts go on again',
  description: 'Each goes on only when nothing else holds it and its proof is fresh.',
  tags: ['emergency'],
  params: z.strictObject({ id: HoldId }),
  querystring: NoQuery,
  response: { 200: json('The hold order that stood.', HoldOnWire) },
};

/** The body of `POST /v1/rollback`. */
export const RollbackBody = z.strictObject({
  namespace: KubernetesName,
  cluster: KubernetesName.optional(),
  reason,
});

const rollbackSchema = {
  operationId: 'rollBackNamespace',
  summary: 'Roll back everything in a namespace',
  description:
    'Every live rollout of the namespace goes back, side by side; what has not begun is cancelled. Takes no revision and asks nobody. Sent again it changes nothing. A `reason` that is wrong, or a property that is not known, is left out, and `Rollout-Warning` says so; only `namespace` and `cluster` have to be right.',
  tags: ['emergency'],
  querystring: NoQuery,
  body: RollbackBody,
  response: { 202: json('What becomes of each live rollout.', NamespaceRollbackOnWire) },
};

const bodyProblems = [
  'forbidden-key',
  'not-acceptable',
  'payload-too-large',
  'unsupported-media-type',
  'validation-error',
  'cluster-unknown',
] as const;

/** `/v1/hold` and `POST /v1/rollback`. */
export function holdRoutes(app: ApiServer, holds: HoldService): void {
  app.route({
    method: 'POST',
    url: '/v1/hold',
    config: {
      problems: bodyProblems,
      bodyOptional: true,
      bodyExample: { namespace: 'payments', reason: 'card network is down' },
    },
    schema: placeSchema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { cluster = null, namespace = null, reason: why = null } = request.body;
      const answer = await holds.place({ cluster, namespace }, why, actorOf(request));
      if (answer.kind === 'clusterUnknown') throw scopeProblem(answer);
      // The hold order stands whether or not what it stops can be counted.
      const live = await holds.live(answer.order).catch(() => null);
      const held = { ...renderHold(answer.order), message: heldWords(answer.order, live) };
      return reply.code(answer.kind === 'placed' ? 201 : 200).send(held);
    },
  });
  app.route({
    method: 'GET',
    url: '/v1/hold',
    config: { problems: ['not-acceptable'] },
    schema: listSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      return { data: (await holds.standing()).map(renderHold) };
    },
  });
  liftRoute(app, holds);
  rollbackRoute(app, holds);
}

function liftRoute(app: ApiServer, holds: HoldService): void {
  app.route({
    method: 'DELETE',
    url: '/v1/hold/:id',
    config: { problems: ['not-found', 'not-acceptable'] },
    schema: liftSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const answer = await holds.lift(request.params.id, actorOf(request));
      if (answer.kind !== 'lifted') throw nothingHere('hold order');
      return renderHold(answer.order);
    },
  });
}

function rollbackRoute(app: ApiServer, holds: HoldService): void {
  app.route({
    method: 'POST',
    url: '/v1/rollback',
    config: {
      problems: bodyProblems,
      answerHeaders: { 202: warningHeaders },
      bodyExample: { namespace: 'payments', reason: 'customers report failed payments' },
      lenient: { schema: RollbackBody, scope: ['namespace', 'cluster'] },
    },
    schema: rollbackSchema,
    preValidation: async (request) => needNamespace(request.body),
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { cluster = null, namespace, reason: why = null } = request.body;
      const scope = { cluster, namespace };
      const answer = await holds.rollBack(scope, why, actorOf(request));
      if (answer.kind === 'clusterUnknown') throw scopeProblem(answer);
      return reply.code(202).send(await renderRollback(holds, scope, answer.rollouts));
    },
  });
}

const outcomes = { rollingBack: 'rolling_back', cancelled: 'cancelled', refused: 'refused' } as const;

type RolledBack = Extract<RollBackAnswer, { kind: 'rolledBack' }>['rollouts'];

async function renderRollback(
  holds: HoldService,
  scope: Scope,
  rollouts: RolledBack,
): Promise<z.output<typeof NamespaceRollbackOnWire>> {
  const message = rollouts.length > 0 ? goingBackWords(rollouts) : noneIn(scope, await holds.live(scope));
  const data = rollouts.map(({ id, outcome, why }) => {
    return { rolloutId: id, outcome: outcomes[outcome], why, links: { self: pathTo(id) } };
  });
  return { message, data };
}

const Empty = z.strictObject({});

/** Somebody in a hurry sees the whole of what to send. */
function needNamespace(body: unknown): void {
  if (!Empty.safeParse(body).success) return;
  const mend = 'name the namespace: {"namespace":"payment-prod"}';
  const errors = [{ pointer: '/namespace', code: 'required', detail: mend }];
  const detail = 'No namespace is named, so nothing was rolled back.';
  throw new ProblemError('validation-error', `${detail} Please ${mend}.`, {
    errors,
    explanation: untouched(detail, `Send it again and ${mend}.`),
  });
}
