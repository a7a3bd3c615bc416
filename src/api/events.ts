import { z } from 'zod';
import type { RolloutService } from '../rollout/service.ts';
import { auditPage, renderAuditRow } from './audit-row.ts';
import { negotiate } from './negotiate.ts';
import { type ApiServer, json, pageLimit, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';

const EventsQuery = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe('Only rows with a higher `seq`.'),
  limit: pageLimit(1000, 100),
});

const schema = {
  operationId: 'listRolloutEvents',
  summary: "One rollout's audit rows",
  description: 'In their order. Ask again with `after=<page.nextAfter>` to follow a rollout.',
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: EventsQuery,
  response: { 200: json('Audit rows of the rollout.', auditPage('EventPage')) },
};

/** `GET /v1/rollouts/{id}/events`. */
export function eventsRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/events',
    config: { problems: ['not-found', 'not-acceptable'] },
    schema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { after, limit } = request.query;
      if ((await service.find(request.params.id)) === null) throw nothingHere();
      const rows = await service.events(request.params.id, after, limit + 1);
      const shown = rows.slice(0, limit);
      const page = { nextAfter: shown.at(-1)?.seq ?? null, hasMore: rows.length > limit };
      return { data: shown.map(renderAuditRow), page };
    },
  });
}
