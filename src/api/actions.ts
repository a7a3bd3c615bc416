import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Command, commandBodies } from '../rollout/command.ts';
import type { RolloutService } from '../rollout/service.ts';
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
import { warningHeaders } from './lenient-body.ts';
import { negotiate } from './negotiate.ts';
import { refusalProblem } from './refusals.ts';
import { type ApiServer, json, NoQuery, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';
import { RolloutOnWire } from './wire.ts';

type Action = keyof typeof commandBodies;

const summaries: Record<Action, string> = {
  pause: 'Keep the weight where it is; guards go on',
  resume: 'Go on with the same step',
  advance: 'Skip the rest of this step',
  promote: 'Go to 100 % now',
  rollback: 'Bring all traffic back to stable, now',
  cancel: 'Stop before any traffic was moved',
};

const details: Record<Action, string> = {
  pause: 'Timers stop, checks do not: a paused rollout still rolls back by itself.',
  resume: 'After a drift the body says `{"drift":"adopt"}` or `{"drift":"reassert"}`.',
  advance:
    'Refused while the checks of the step have not passed, unless `override` says `["checks"]` with a reason.',
  promote: 'Refused while the checks have not passed, unless `override` says `["checks"]` with a reason.',
  rollback:
    'Needs no body, asks nobody, and is open to machines: `curl -X POST -H "Authorization: Bearer …" …/actions/rollback`. It is not refused for what stands in its body: parts that are wrong, or all of it when it is no JSON, are left out, and `Rollout-Warning` says which; a reason that is left out is missing in the audit log. Only an `expect` that can be read and is no longer true refuses it.',
  cancel: 'Only while it is scheduled, queued or in preflight.',
};

/** What every command may answer, whatever the rollout says to it. */
export const commandProblems = [
  'forbidden-key',
  'not-found',
  'not-acceptable',
  'idempotency-in-progress',
  'idempotency-key-reused',
  'rollout-unreadable',
  'payload-too-large',
  'unsupported-media-type',
  'validation-error',
] as const;

const problems = [
  'invalid-transition',
  'stale-view',
  'gate-not-ready',
  'drift-undecided',
  'override-needs-reason',
  ...commandProblems,
] as const;

const examples: Record<Action, unknown> = {
  pause: { reason: 'looking at the error log' },
  resume: { expect: { revision: 7 } },
  advance: { override: ['checks'], reason: 'CHG0041234: too little traffic at night' },
  promote: { expect: { stepIndex: 3 } },
  rollback: { reason: 'customers report failed payments' },
  cancel: {},
};

const commands = {
  pause: commandBodies.pause.transform((body): Command => ({ action: 'pause', ...body })),
  resume: commandBodies.resume.transform((body): Command => ({ action: 'resume', ...body })),
  advance: commandBodies.advance.transform((body): Command => ({ action: 'advance', ...body })),
  promote: commandBodies.promote.transform((body): Command => ({ action: 'promote', ...body })),
  rollback: commandBodies.rollback.transform((body): Command => ({ action: 'rollback', ...body })),
  cancel: commandBodies.cancel.transform((body): Command => ({ action: 'cancel', ...body })),
} satisfies Record<Action, z.ZodType<Command>>;

const goingBack = {
  answerHeaders: { 202: { ...acceptedHeaders, ...warningHeaders } },
  lenient: { schema: commandBodies.rollback, scope: [] },
};

/** `POST /v1/rollouts/{id}/actions/{action}`, one route an action; `abort` is another name of `rollback`. */
export function actionRoutes(app: ApiServer, service: RolloutService): void {
  addAction(app, service, 'pause', 'pause');
  addAction(app, service, 'resume', 'resume');
  addAction(app, service, 'advance', 'advance');
  addAction(app, service, 'promote', 'promote');
  addAction(app, service, 'rollback', 'rollback');
  addAction(app, service, 'abort', 'rollback');
  addAction(app, service, 'cancel', 'cancel');
}

function addAction(app: ApiServer, service: RolloutService, name: Action | 'abort', action: Action): void {
  const body: z.ZodType<Command> = commands[action];
  app.route({
    method: 'POST',
    url: `/v1/rollouts/:id/actions/${name}`,
    config: {
      problems,
      bodyOptional: true,
      bodyExample: examples[action],
      ...(action === 'rollback' ? goingBack : { answerHeaders: { 202: acceptedHeaders } }),
    },
    schema: {
      operationId: `${name}Rollout`,
      summary: name === 'abort' ? 'Another name of rollback' : summaries[action],
      description: details[action],
      tags: ['actions'],
      params: RolloutPath,
      querystring: NoQuery,
      headers: IdempotencyHeaders,
      body,
      response: { 202: json('The command is written down and carried out next.', RolloutOnWire) },
    },
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      return act(service, { id: request.params.id, command: request.body, status: 202 }, request, reply);
    },
  });
}

/** Carries a command out, or answers what it got before; `status` is that of its success. Throws a problem when it is refused. */
export async function act(
  service: RolloutService,
  { id, command, status }: { id: string; command: Command; status: 201 | 202 },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const keyed = keyOf(request);
  const earlier = await recallFor(service, keyed);
  if (earlier !== null) return sendAccepted(reply, earlier, true);
  const answer = await service.act(id, command, actorOf(request), rememberAs(keyed, status));
  switch (answer.kind) {
    case 'accepted':
      return sendAccepted(reply, { status, body: acceptedBody(answer.rollout, answer.now) }, false);
    case 'answeredBefore':
      return sendAccepted(reply, await recallRival(service, keyed), true);
    case 'refused':
      throw refusalProblem(answer.refusal, answer.rollout, answer.now);
    case 'unknown':
      throw nothingHere();
  }
}
