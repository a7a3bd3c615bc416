import { z } from 'zod';
import type { PlanService } from '../rollout/plans.ts';
import { isUnchanged } from './entity-tag.ts';
import { negotiate } from './negotiate.ts';
import { CursorPage, cutToPage, nextCursor, pageLimit } from './page.ts';
import { noPlan, PlanHeadOnWire, PlanVersionOnWire, renderHead, renderVersion } from './plan-wire.ts';
import { type ApiServer, json, NoQuery } from './route.ts';

const cursor = z.string().max(100).describe('`page.nextCursor` of the page before.');

const PlanPage = z
  .object({ data: z.array(PlanHeadOnWire).describe('In the order of their names.'), page: CursorPage })
  .meta({ id: 'PlanPage' });
const VersionPage = z
  .object({ data: z.array(PlanHeadOnWire).describe('Newest first.'), page: CursorPage })
  .meta({ id: 'PlanVersionPage' });

const Name = z.string().describe('The name of the plan.');
const etag = { ETag: { type: 'string', description: 'The version, in quotes.' } } as const;

const listSchema = {
  operationId: 'listPlans',
  summary: 'List plans',
  description: 'The newest version of each plan that is kept.',
  tags: ['plans'],
  querystring: z.strictObject({ limit: pageLimit(200, 50), cursor: cursor.optional() }),
  response: { 200: json('A page of plans.', PlanPage) },
};

const newestSchema = {
  operationId: 'getPlan',
  summary: 'Read the newest version of a plan',
  description: 'The entity tag is the version: `PUT` wants it as `If-Match`.',
  tags: ['plans'],
  params: z.strictObject({ name: Name }),
  querystring: NoQuery,
  response: {
    200: json('The newest version.', PlanVersionOnWire),
    304: z.undefined().describe('The newest version is still the one in If-None-Match.'),
  },
};

const versionSchema = {
  operationId: 'getPlanVersion',
  summary: 'Read one version of a plan',
  tags: ['plans'],
  params: z.strictObject({ name: Name, version: z.string().describe('A number from 1.') }),
  querystring: NoQuery,
  response: {
    200: json('The version. It never changes.', PlanVersionOnWire),
    304: z.undefined().describe('It is the one in If-None-Match.'),
  },
};

const versionsSchema = {
  operationId: 'listPlanVersions',
  summary: 'List the versions of a plan',
  tags: ['plans'],
  params: z.strictObject({ name: Name }),
  querystring: z.strictObject({
    limit: pageLimit(200, 50),
    cursor: z.coerce.number().int().min(1).optional().describe('`page.nextCursor` of the page before.'),
  }),
  response: { 200: json('A page of versions.', VersionPage) },
};

/** `GET /v1/plans` and what lies below it. */
export function planRoutes(app: ApiServer, plans: PlanService): void {
  listRoute(app, plans);
  newestRoute(app, plans);
  versionsRoute(app, plans);
  versionRoute(app, plans);
}

function listRoute(app: ApiServer, plans: PlanService): void {
  app.route({
    method: 'GET',
    url: '/v1/plans',
    config: { problems: ['not-acceptable'] },
    schema: listSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { limit, cursor: after } = request.query;
      const found = await plans.list({ limit: limit + 1, ...(after === undefined ? {} : { after }) });
      return pageOf(found.map(renderHead), limit, (last) => last.name);
    },
  });
}

function newestRoute(app: ApiServer, plans: PlanService): void {
  app.route({
    method: 'GET',
    url: '/v1/plans/:name',
    config: { problems: ['not-found', 'not-acceptable'], answerHeaders: { 200: etag, 304: etag } },
    schema: newestSchema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const newest = await plans.find(request.params.name);
      if (newest === null) throw noPlan(request.params.name);
      if (isUnchanged(request, reply, newest.version)) return reply.code(304).send();
      return renderVersion(newest);
    },
  });
}

function versionRoute(app: ApiServer, plans: PlanService): void {
  app.route({
    method: 'GET',
    url: '/v1/plans/:name/versions/:version',
    config: { problems: ['not-found', 'not-acceptable'], answerHeaders: { 200: etag, 304: etag } },
    schema: versionSchema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { name, version } = request.params;
      const found = /^[1-9]\d{0,8}$/.test(version) ? await plans.find(name, Number(version)) : null;
      if (found === null) throw noPlan(name, version);
      if (isUnchanged(request, reply, found.version)) return reply.code(304).send();
      return renderVersion(found);
    },
  });
}

function versionsRoute(app: ApiServer, plans: PlanService): void {
  app.route({
    method: 'GET',
    url: '/v1/plans/:name/versions',
    config: { problems: ['not-found', 'not-acceptable'] },
    schema: versionsSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { name } = request.params;
      const { limit, cursor: before } = request.query;
      const wanted = { limit: limit + 1, ...(before === undefined ? {} : { before }) };
      const found = await plans.versions(name, wanted);
      if (found.length === 0 && before === undefined) throw noPlan(name);
      return pageOf(found.map(renderHead), limit, (last) => String(last.version));
    },
  });
}

type Head = z.output<typeof PlanHeadOnWire>;

function pageOf(found: Head[], limit: number, cursorOf: (last: Head) => string): z.output<typeof PlanPage> {
  const cut = cutToPage(found, limit);
  return { data: cut.shown, page: { nextCursor: nextCursor(cut, cursorOf), hasMore: cut.hasMore } };
}
