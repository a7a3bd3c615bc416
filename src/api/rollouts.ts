import { z } from 'zod';
import type { RolloutEntry, RolloutQuery } from '../rollout/ports/store.ts';
import type { RolloutService } from '../rollout/service.ts';
import { KubernetesName, ObjectName } from '../rollout/units.ts';
import { actorOf } from './authenticate.ts';
import { commaList } from './comma-list.ts';
import { isUnchanged, tagOf } from './entity-tag.ts';
import type { Streaming } from './live/streaming.ts';
import { waitHandlerTimeoutMs } from './live/wait.ts';
import { WaitFor, WaitOnWire, WaitTimeout } from './live/wait-for.ts';
import { negotiate } from './negotiate.ts';
import { CursorPage, cutToPage, nextCursor, pageLimit } from './page.ts';
import { renderUnreadable, UnreadableOnWire } from './quarantine-wire.ts';
import { renderRollout, renderSummary } from './render-rollout.ts';
import { type ApiServer, json, RolloutPath } from './route.ts';
import { StatusOnWire } from './status-wire.ts';
import { nothingHere } from './validation.ts';
import { RolloutOnWire, RolloutSummaryOnWire } from './wire.ts';
import { RolloutId } from './wire-parts.ts';

const ListQuery = z.strictObject({
  status: commaList(StatusOnWire.options).optional().describe('One status or several, separated by commas.'),
  namespace: KubernetesName.optional(),
  virtualService: ObjectName.optional(),
  limit: pageLimit(200, 50),
  cursor: RolloutId.optional().describe('`page.nextCursor` of the page before.'),
});

const RolloutPage = z
  .object({
    data: z
      .array(z.union([RolloutSummaryOnWire, UnreadableOnWire]))
      .describe('Newest first. What this version cannot read is listed with what is known of it.'),
    page: CursorPage,
  })
  .meta({ id: 'RolloutPage' });

const ReadQuery = z.strictObject({ waitFor: WaitFor.optional(), timeout: WaitTimeout });

const RolloutRead = RolloutOnWire.extend({ wait: WaitOnWire.optional() }).meta({ id: 'RolloutRead' });

const etag = { ETag: { type: 'string', description: 'The revision, in quotes.' } } as const;

const listSchema = {
  operationId: 'listRollouts',
  summary: 'List rollouts',
  description: 'Newest first. Unknown filters are refused, never ignored.',
  tags: ['rollouts'],
  querystring: ListQuery,
  response: { 200: json('A page of rollouts.', RolloutPage) },
};

const readSchema = {
  operationId: 'getRollout',
  summary: 'Read a rollout',
  description: [
    'The entity tag is the revision: it changes with state, step and desired weight, never with a measurement.',
    'With `waitFor` the answer comes when one of the conditions holds, when the rollout has ended, or after `timeout` seconds; `wait` says which. If-None-Match does not count then.',
  ].join('\n'),
  tags: ['rollouts'],
  params: RolloutPath,
  querystring: ReadQuery,
  response: {
    200: json('The rollout.', RolloutRead),
    304: z.undefined().describe('The revision is still the one in If-None-Match.'),
  },
};

/** `GET /v1/rollouts` and `GET /v1/rollouts/{id}`. */
export function rolloutRoutes(app: ApiServer, service: RolloutService, streaming: Streaming): void {
  listRoute(app, service);
  readRoute(app, service, streaming);
}

function listRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts',
    config: { problems: ['not-acceptable'] },
    schema: listSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      return listPage(service, request.query);
    },
  });
}

function readRoute(app: ApiServer, service: RolloutService, streaming: Streaming): void {
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id',
    config: {
      problems: ['not-found', 'not-acceptable', 'too-many-listeners', 'rollout-unreadable'],
      answerHeaders: { 200: etag, 304: etag },
    },
    schema: readSchema,
    handlerTimeout: waitHandlerTimeoutMs,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { waitFor, timeout } = request.query;
      if (waitFor !== undefined) {
        const asked = { id: request.params.id, conditions: waitFor, timeoutMs: timeout * 1000 };
        const waited = await streaming.wait(actorOf(request), reply, asked);
        if (waited === null) throw nothingHere();
        reply.header('etag', tagOf(waited.seen.rollout.revision));
        return { ...renderRollout(waited.seen), wait: waited.wait };
      }
      const seen = await service.find(request.params.id);
      if (seen === null) throw nothingHere();
      if (isUnchanged(request, reply, seen.rollout.revision)) return reply.code(304).send();
      return renderRollout(seen);
    },
  });
}

async function listPage(
  service: RolloutService,
  query: z.output<typeof ListQuery>,
): Promise<z.output<typeof RolloutPage>> {
  const { entries, now } = await service.entries(queryOf(query));
  const cut = cutToPage(entries, query.limit);
  const data = cut.shown.map((entry) =>
    entry.kind === 'rollout'
      ? renderSummary(entry.rollout, now, entry.trouble)
      : renderUnreadable(entry.row, now),
  );
  return {
    data,
    page: { nextCursor: nextCursor(cut, idOf), hasMore: cut.hasMore },
  };
}

function idOf(entry: RolloutEntry): string {
  return entry.kind === 'rollout' ? entry.rollout.id : entry.row.id;
}

function queryOf({
  status,
  namespace,
  virtualService,
  limit,
  cursor,
}: z.output<typeof ListQuery>): RolloutQuery {
  return {
    limit: limit + 1,
    ...(status === undefined ? {} : { statuses: status }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(virtualService === undefined ? {} : { virtualService }),
    ...(cursor === undefined ? {} : { beforeId: cursor }),
  };
}
