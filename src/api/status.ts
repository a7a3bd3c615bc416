import { z } from 'zod';
import type { RolloutService } from '../rollout/service.ts';
import { negotiate } from './negotiate.ts';
import { renderStatus } from './render-rollout.ts';
import { type ApiServer, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';
import { StatusAnswer } from './wire.ts';

const StatusQuery = z.strictObject({
  exitOnPause: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true` makes a pause exit code 9, to hand over to a person, instead of 8.'),
});

const Lines = z
  .string()
  .meta({ examples: ['exit=8 status=running\nThe canary is baking at 5 %.\n'] })
  .describe('`exit=<code> status=<status>`, then what happened, where traffic is, and what comes next.');

const schema = {
  operationId: 'getRolloutStatus',
  summary: 'Where a rollout stands, for a pipeline',
  description: [
    'One small object that a pipeline polls. `exitCode`:',
    '0 succeeded; 3 rolled back by canaryd; 4 rolled back or cancelled by a person;',
    '6 preflight failed, traffic untouched; 8 still running; 9 paused (only with `?exitOnPause=true`);',
    '10 rollback failed or stuck: traffic needs a person.',
    'With `Accept: text/plain` the first line is `exit=8 status=running`, so that `sh` needs no JSON.',
  ].join('\n'),
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: StatusQuery,
  response: {
    200: {
      description: 'Where the rollout stands.',
      content: { 'application/json': { schema: StatusAnswer }, 'text/plain': { schema: Lines } },
    },
  },
};

const exitCode = {
  'Rollout-Exit-Code': { type: 'string', description: 'The `exitCode` of the body.' },
} as const;

/** `GET /v1/rollouts/{id}/status`. */
export function statusRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/status',
    config: { problems: ['not-found', 'not-acceptable'], answerHeaders: { 200: exitCode } },
    schema,
    handler: async (request, reply) => {
      const media = negotiate(request.headers.accept, ['application/json', 'text/plain']);
      const seen = await service.find(request.params.id);
      if (seen === null) throw nothingHere();
      const status = renderStatus(seen, request.query.exitOnPause === 'true');
      reply.header('rollout-exit-code', String(status.exitCode)).header('vary', 'accept');
      return media === 'text/plain' ? reply.type('text/plain; charset=utf-8').send(linesOf(status)) : status;
    },
  });
}

function linesOf({ exitCode, status, explanation }: z.output<typeof StatusAnswer>): string {
  const { what, traffic, next } = explanation;
  return [`exit=${exitCode} status=${status}`, what, traffic, next].map((line) => `${line}\n`).join('');
}
