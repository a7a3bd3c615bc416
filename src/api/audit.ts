import { z } from 'zod';
import { type AuditRow, AuditType } from '../rollout/audit.ts';
import type { AuditQuery } from '../rollout/ports/store.ts';
import type { RolloutService } from '../rollout/service.ts';
import { AuditRowOnWire, auditPage, renderAuditRow } from './audit-row.ts';
import { negotiate } from './negotiate.ts';
import { AfterNumber, cutToPage, Instant, nextLink, pageLimit } from './page.ts';
import type { ApiServer } from './route.ts';
import { RolloutId } from './wire-parts.ts';

const Query = z.strictObject({
  rolloutId: RolloutId.optional(),
  actor: z.string().min(1).max(100).optional().describe('The name of the actor, exactly.'),
  type: AuditType.optional(),
  since: Instant.optional().describe('From this time on.'),
  until: Instant.optional().describe('Before this time.'),
  after: AfterNumber,
  limit: pageLimit(1000, 100),
});
type Query = z.output<typeof Query>;

const lines = 'application/x-ndjson';

const schema = {
  operationId: 'listAudit',
  summary: 'Read the audit log',
  description: [
    'All rollouts, in the order of `number`. With `Accept: application/x-ndjson` one row a line; `Link` leads to the next page.',
    'Rows older than 30 seconds stand: below one of them no other is added. Among younger ones a slow transaction may still add a lower number, so set `until` when pages must be complete, and follow the log with `GET /v1/events`.',
  ].join('\n'),
  tags: ['audit'],
  querystring: Query,
  response: {
    200: {
      description: 'Audit rows that match all filters.',
      content: {
        'application/json': { schema: auditPage('AuditPage') },
        [lines]: { schema: z.string().describe('One `AuditRow` a line.') },
      },
    },
  },
};

const answerHeaders = {
  200: { Link: { type: 'string', description: 'The next page, as `rel="next"`.' } },
} as const;

/** `GET /v1/audit`. */
export function auditRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/audit',
    config: { problems: ['not-acceptable'], answerHeaders },
    schema,
    handler: async (request, reply) => {
      const media = negotiate(request.headers.accept, ['application/json', lines]);
      const found = await service.audit(filterOf(request.query));
      const { shown: rows, last, hasMore } = cutToPage(found, request.query.limit);
      const nextAfter = last?.number ?? null;
      reply.header('vary', 'accept');
      if (hasMore && nextAfter !== null)
        reply.header('link', nextLink(request.url, 'after', String(nextAfter)));
      if (media === lines) return reply.type(lines).send(rows.map(lineOf).join(''));
      return { data: rows.map(renderAuditRow), page: { nextAfter, hasMore } };
    },
  });
}

function filterOf({ since, until, after, limit, rolloutId, actor, type }: Query): AuditQuery {
  return {
    limit: limit + 1,
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(actor === undefined ? {} : { actor }),
    ...(type === undefined ? {} : { type }),
    ...(after === undefined ? {} : { afterNumber: after }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  };
}

function lineOf(row: AuditRow): string {
  return `${JSON.stringify(z.encode(AuditRowOnWire, renderAuditRow(row)))}\n`;
}
