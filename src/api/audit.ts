import { z } from 'zod';
import { type AuditRow, AuditType } from '../rollout/audit.ts';
import type { AuditQuery } from '../rollout/ports/store.ts';
import type { RolloutService } from '../rollout/service.ts';
import { AuditRowOnWire, auditPage, renderAuditRow } from './audit-row.ts';
import { negotiate } from './negotiate.ts';
import { type ApiServer, pageLimit } from './route.ts';
import { RolloutId } from './wire-parts.ts';

const Instant = z.iso.datetime({ offset: true, error: 'write a time as 2026-11-24T14:00:00Z' });

const Query = z.strictObject({
  rolloutId: RolloutId.optional(),
  actor: z.string().min(1).max(100).optional().describe('The name of the actor, exactly.'),
  type: AuditType.optional(),
  since: Instant.optional().describe('From this time on.'),
  until: Instant.optional().describe('Before this time.'),
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Only rows with a higher `number`.'),
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
      const { rows, hasMore, nextAfter } = pageOf(found, request.query.limit);
      reply.header('vary', 'accept');
      if (hasMore && nextAfter !== null) reply.header('link', nextLink(request.url, nextAfter));
      if (media === lines) return reply.type(lines).send(rows.map(lineOf).join(''));
      return { data: rows.map(renderAuditRow), page: { nextAfter, hasMore } };
    },
  });
}

/** One more row than the page holds tells whether there is another page. */
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

function pageOf(found: AuditRow[], limit: number) {
  const rows = found.slice(0, limit);
  return { rows, hasMore: found.length > limit, nextAfter: rows.at(-1)?.number ?? null };
}

function lineOf(row: AuditRow): string {
  return `${JSON.stringify(z.encode(AuditRowOnWire, renderAuditRow(row)))}\n`;
}

/** Relative, so that a client never sends its token to another host (RFC 8288). */
function nextLink(url: string, after: number): string {
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  query.set('after', String(after));
  return `</v1/audit?${query}>; rel="next"`;
}
