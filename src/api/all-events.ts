import { z } from 'zod';
import { AuditType } from '../rollout/audit.ts';
import type { HistoryQuery } from '../rollout/ports/live.ts';
import type { RolloutService } from '../rollout/service.ts';
import { KubernetesName, ObjectName } from '../rollout/units.ts';
import { AuditRowOnWire, renderAuditRow } from './audit-row.ts';
import { actorOf } from './authenticate.ts';
import { followAll, type RowFilter } from './live/all-stream.ts';
import { LastEventIdHeader, LastEventIdQuery, lastEventId } from './live/last-event-id.ts';
import { eventStream, isHeadOnly, type Streaming, streamSchema } from './live/streaming.ts';
import { negotiate } from './negotiate.ts';
import { AfterNumber, cutToPage, pageLimit } from './page.ts';
import type { ApiServer } from './route.ts';

const Query = z.strictObject({
  namespace: KubernetesName.optional(),
  virtualService: ObjectName.optional(),
  type: AuditType.optional(),
  after: AfterNumber,
  lastEventId: LastEventIdQuery,
  limit: pageLimit(1000, 100),
});
type Query = z.output<typeof Query>;

const EventsPage = z
  .object({
    data: z.array(AuditRowOnWire),
    page: z.object({
      nextAfter: z.int().nullable().describe('`after` of the next page; null on an empty page.'),
      hasMore: z.boolean(),
      resumeAfter: z
        .int()
        .describe(
          '`after` to go on with later, once there are no more pages: the newest 30 seconds come once more.',
        ),
    }),
  })
  .meta({ id: 'AllEventsPage' });

const schema = {
  operationId: 'listEvents',
  summary: 'Audit rows of all rollouts, as a page or live',
  description: [
    'In the order of `number`. With `Accept: text/event-stream` one event for each row, as it is written: `id` is its `number`, `event` its type and `data` the row as JSON. Without `Last-Event-ID` the stream begins with the rows of the last 30 seconds.',
    'A row that was written slowly may appear up to 30 seconds later than one with a higher number. So that none is missed, whoever reconnects gets the rows of 30 seconds before `Last-Event-ID` again: every row comes at least once; drop those whose id you know.',
    'Pages do the same with `page.resumeAfter`: follow `nextAfter` while `hasMore`, later go on from `resumeAfter`, and drop numbers that you know.',
  ].join('\n'),
  tags: ['audit'],
  querystring: Query,
  headers: LastEventIdHeader,
  response: {
    200: {
      description: 'Audit rows that match all filters.',
      content: {
        'application/json': { schema: EventsPage },
        [eventStream]: { schema: streamSchema },
      },
    },
  },
};

/** `GET /v1/events`. */
export function allEventsRoute(app: ApiServer, service: RolloutService, streaming: Streaming): void {
  app.route({
    method: 'GET',
    url: '/v1/events',
    config: { problems: ['not-acceptable', 'too-many-listeners'] },
    schema,
    handler: async (request, reply) => {
      const media = negotiate(request.headers.accept, ['application/json', eventStream]);
      reply.header('vary', 'accept');
      const { query } = request;
      const last = lastEventId(request.headers, query.lastEventId) ?? query.after ?? null;
      if (media === 'application/json') return page(service, query, last ?? 0);
      if (isHeadOnly(request, reply)) return reply;
      streaming.open(actorOf(request), reply, (parts, open) => followAll(parts, open, filterOf(query), last));
      return reply;
    },
  });
}

async function page(
  service: RolloutService,
  query: Query,
  after: number,
): Promise<z.output<typeof EventsPage>> {
  const asked: HistoryQuery = { ...filterOf(query), afterNumber: after, limit: query.limit + 1 };
  const rows = await service.live.history(asked);
  const { shown, last, hasMore } = cutToPage(rows, query.limit);
  const nextAfter = last?.number ?? null;
  const resumeAfter = await service.live.resumePoint(nextAfter ?? after);
  return {
    data: shown.map(renderAuditRow),
    page: { nextAfter, hasMore, resumeAfter },
  };
}

function filterOf({ namespace, virtualService, type }: Query): RowFilter {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(virtualService === undefined ? {} : { virtualService }),
    ...(type === undefined ? {} : { type }),
  };
}
