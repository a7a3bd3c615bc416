import { z } from 'zod';
import type { RolloutService } from '../rollout/service.ts';
import { actorOf } from './authenticate.ts';
import type { Streaming } from './live/streaming.ts';
import { waitHandlerTimeoutMs } from './live/wait.ts';
import { WaitFor, WaitOnWire, WaitTimeout } from './live/wait-for.ts';
import { negotiate } from './negotiate.ts';
import { renderStatus } from './render-rollout.ts';
import { type ApiServer, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';
import { StatusAnswer } from './wire.ts';

const StatusQuery = z.strictObject({
  waitFor: WaitFor.optional(),
  timeout: WaitTimeout,
  exitOnPause: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true` makes a pause exit code 9, to hand over to a person, instead of 8.'),
});

const Lines = z
  .string()
  .meta({ examples: ['exit=8 status=running\nThe canary is baking at 5 %.\n'] })
  .describe(
    '`exit=<code> status=<status>`, then what happened, where traffic is, and what comes next; while the sequential judge watches, what it found.',
  );

const StatusRead = StatusAnswer.extend({ wait: WaitOnWire.optional() }).meta({ id: 'RolloutStatusRead' });

const schema = {
  operationId: 'getRolloutStatus',
  summary: 'Where a rollout stands, for a pipeline',
  description: [
    'One small object that a pipeline polls. `exitCode`:',
    '0 succeeded; 3 rolled back by canaryd; 4 rolled back or cancelled by a person;',
    '5 an approval was rejected or expired; 6 preflight failed, traffic untouched; 8 scheduled or still running; 9 paused (only with `?exitOnPause=true`);',
    '10 rollback failed or stuck, or its turns fail again and again: traffic needs a person.',
    'With `waitFor` the answer comes when one of the conditions holds, when the rollout has ended, or after `timeout` seconds; `wait` says which.',
    'With `Accept: text/plain` the first line is `exit=8 status=running`, so that `sh` needs no JSON.',
  ].join('\n'),
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: StatusQuery,
  response: {
    200: {
      description: 'Where the rollout stands.',
      content: { 'application/json': { schema: StatusRead }, 'text/plain': { schema: Lines } },
    },
  },
};

const exitCode = {
  'Rollout-Exit-Code': { type: 'string', description: 'The `exitCode` of the body.' },
} as const;

/** `GET /v1/rollouts/{id}/status`. */
export function statusRoute(app: ApiServer, service: RolloutService, streaming: Streaming): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/status',
    config: {
      problems: ['not-found', 'not-acceptable', 'too-many-listeners', 'rollout-unreadable'],
      answerHeaders: { 200: exitCode },
    },
    schema,
    handlerTimeout: waitHandlerTimeoutMs,
    handler: async (request, reply) => {
      const media = negotiate(request.headers.accept, ['application/json', 'text/plain']);
      const { waitFor, timeout, exitOnPause } = request.query;
      const { id } = request.params;
      const asked = { id, conditions: waitFor ?? [], timeoutMs: timeout * 1000 };
      const found =
        waitFor === undefined
          ? await lookOnce(service, id)
          : await streaming.wait(actorOf(request), reply, asked);
      if (found === null) throw nothingHere();
      const { seen, ...wait } = found;
      const status = { ...renderStatus(seen, exitOnPause === 'true'), ...wait };
      reply.header('rollout-exit-code', String(status.exitCode)).header('vary', 'accept');
      return media === 'text/plain' ? reply.type('text/plain; charset=utf-8').send(linesOf(status)) : status;
    },
  });
}

async function lookOnce(service: RolloutService, id: string) {
  const seen = await service.find(id);
  return seen === null ? null : { seen };
}

function linesOf(answer: z.output<typeof StatusAnswer>): string {
  const { what, traffic, next } = answer.explanation;
  const head = `exit=${answer.exitCode} status=${answer.status}`;
  return [head, what, traffic, next, ...foundBeside(answer)].map((line) => `${line}\n`).join('');
}

/** What the judge says of a rollout that goes on: why it goes back or waits is what happened already. */
function foundBeside({ judgement }: z.output<typeof StatusAnswer>): string[] {
  const decision = judgement?.ruling.decision;
  return judgement && (decision === 'continue' || decision === 'advance') ? [judgement.why] : [];
}
