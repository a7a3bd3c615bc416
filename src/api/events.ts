import { z } from 'zod';
import { hasEnded, type StoredRollout } from '../rollout/rollout.ts';
import type { RolloutService } from '../rollout/service.ts';
import { auditPage, renderAuditRow } from './audit-row.ts';
import { actorOf } from './authenticate.ts';
import { LastEventIdHeader, LastEventIdQuery, lastEventId } from './live/last-event-id.ts';
import { followRollout } from './live/rollout-stream.ts';
import { eventStream, isHeadOnly, type Streaming, streamSchema } from './live/streaming.ts';
import { negotiate } from './negotiate.ts';
import { cutToPage, pageLimit } from './page.ts';
import { type ApiServer, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';

const EventsQuery = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe('Only rows with a higher `seq`.'),
  lastEventId: LastEventIdQuery,
  limit: pageLimit(1000, 100),
});

const schema = {
  operationId: 'listRolloutEvents',
  summary: "One rollout's audit rows, as a page or live",
  description: [
    'In their order. Ask again with `after=<page.nextAfter>` to follow a rollout, or stay:',
    'with `Accept: text/event-stream` the first event is `snapshot` with the whole rollout, then comes one event for each row: `id` is its `seq`, which has no gaps, `event` its type and `data` the row as JSON.',
    'A comment comes every 15 seconds. After the last row of a rollout that has ended comes `end`, and the stream closes; whoever reconnects after that gets 204. A reader that is too slow is cut off and goes on with `Last-Event-ID`.',
  ].join('\n'),
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: EventsQuery,
  headers: LastEventIdHeader,
  response: {
    200: {
      description: 'Audit rows of the rollout.',
      content: {
        'application/json': { schema: auditPage('EventPage') },
        [eventStream]: { schema: streamSchema },
      },
    },
    204: z.undefined().describe('The rollout has ended, and everything was received.'),
  },
};

type Query = z.output<typeof EventsQuery>;

/** `GET /v1/rollouts/{id}/events`. */
export function eventsRoute(app: ApiServer, service: RolloutService, streaming: Streaming): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/events',
    config: { problems: ['not-found', 'not-acceptable', 'too-many-listeners', 'rollout-unreadable'] },
    schema,
    handler: async (request, reply) => {
      const media = negotiate(request.headers.accept, ['application/json', eventStream]);
      reply.header('vary', 'accept');
      const { params, query } = request;
      const seen = await service.find(params.id);
      if (seen === null) throw nothingHere();
      const last = lastEventId(request.headers, query.lastEventId);
      const after = last ?? query.after;
      if (media === 'application/json') return page(service, params.id, { ...query, after });
      if (isHeadOnly(request, reply)) return reply;
      if (last !== null && (await hasAll(service, seen.rollout, last))) return reply.code(204).send();
      streaming.open(actorOf(request), reply, (parts, open) => followRollout(parts, open, seen, after));
      return reply;
    },
  });
}

/** True when nothing is left to send, and nothing will come. */
async function hasAll(service: RolloutService, rollout: StoredRollout, last: number): Promise<boolean> {
  return hasEnded(rollout) && (await service.events(rollout.id, last, 1)).length === 0;
}

async function page(service: RolloutService, id: string, { after, limit }: Query) {
  const rows = await service.events(id, after, limit + 1);
  const { shown, last, hasMore } = cutToPage(rows, limit);
  return { data: shown.map(renderAuditRow), page: { nextAfter: last?.seq ?? null, hasMore } };
}
