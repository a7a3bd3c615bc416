import { z } from 'zod';
import { judgedLimits } from '../rollout/judgement.ts';
import type { MeasuredPoll } from '../rollout/ports/live.ts';
import type { RolloutService } from '../rollout/service.ts';
import { renderJudged } from './judgement.ts';
import { judgementsCsv } from './judgement-csv.ts';
import { PolledJudgementOnWire } from './judgement-wire.ts';
import { negotiate } from './negotiate.ts';
import { cutToPage, Instant, nextLink, pageLimit } from './page.ts';
import { type ApiServer, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';
import { timestamp } from './wire-parts.ts';

const csv = 'text/csv';

const Query = z.strictObject({
  step: z.coerce.number().int().min(0).max(999).optional().describe('Only of this step, counted from 0.'),
  since: Instant.optional().describe(
    'From this time on, oldest first. Without it the newest polls are answered.',
  ),
  limit: pageLimit(1000, 100),
  format: z.enum(['json', 'csv']).optional().describe('The same as `Accept`, for a link in a browser.'),
});
type Query = z.output<typeof Query>;

const JudgementPage = z
  .object({
    data: z.array(PolledJudgementOnWire).describe('Oldest first.'),
    page: z.object({
      nextSince: z
        .string()
        .nullable()
        .describe('`since` of the next page, and to follow; null on an empty page.'),
      hasMore: z.boolean().describe('True when newer rows are there already; only with `since`.'),
    }),
  })
  .meta({ id: 'JudgementPage' });

const schema = {
  operationId: 'listJudgements',
  summary: 'What the sequential judge found, poll by poll',
  description: [
    'One row for each poll that the sequential judge looked at: its ruling, the evidence, and every comparison with bands, for a chart or an audit. Empty for a plan with `judge: threshold`.',
    'The newest polls by default; `since=<createdAt>` begins with the oldest, and `page.nextSince` leads on.',
    'With `format=csv` or `Accept: text/csv` the same as a table with a header line (RFC 4180): columns of `error_rate`, `latency` and `limit_<check>`.',
  ].join('\n'),
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: Query,
  response: {
    200: {
      description: 'Judgements of the rollout.',
      content: {
        'application/json': { schema: JudgementPage },
        [csv]: { schema: z.string().describe('A header line and one line for each row.') },
      },
    },
  },
};

const answerHeaders = {
  200: {
    Link: { type: 'string', description: 'The next page, as `rel="next"`.' },
    'Content-Disposition': { type: 'string', description: 'The name of the file; only with CSV.' },
  },
} as const;

/** `GET /v1/rollouts/{id}/judgements`. */
export function judgementsRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/judgements',
    config: { problems: ['not-found', 'not-acceptable', 'rollout-unreadable'], answerHeaders },
    schema,
    handler: async (request, reply) => {
      const { query, params } = request;
      const wanted = query.format === undefined ? request.headers.accept : mediaOf[query.format];
      const media = negotiate(wanted, ['application/json', csv]);
      const seen = await service.find(params.id);
      if (seen === null) throw nothingHere();
      const found = await service.live.measurements(filterOf(params.id, query));
      const { polls, page } = pageOf(found, query);
      const data = polls.flatMap((poll) => renderJudged(seen.rollout, poll));
      reply.header('vary', 'accept');
      if (page.hasMore && page.nextSince !== null)
        reply.header('link', nextLink(request.url, 'since', page.nextSince));
      if (media === 'application/json') return { data, page };
      const name = `attachment; filename="${params.id}-judgements.csv"`;
      reply.type('text/csv; charset=utf-8').header('content-disposition', name);
      return reply.send(judgementsCsv(data, judgedLimits(seen.rollout)));
    },
  });
}

const mediaOf = { json: 'application/json', csv } as const;

/** Without `since` the newest polls are answered: nothing lies behind them. */
function filterOf(rolloutId: string, { step, since, limit }: Query) {
  return {
    rolloutId,
    judged: true as const,
    limit: since === undefined ? limit : limit + 1,
    ...(step === undefined ? {} : { step }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
  };
}

function pageOf(found: MeasuredPoll[], { limit }: Query) {
  const { shown, last, hasMore } = cutToPage(found, limit);
  return { polls: shown, page: { nextSince: last === null ? null : timestamp(last.at + 1), hasMore } };
}
