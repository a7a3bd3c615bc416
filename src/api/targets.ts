import { z } from 'zod';
import { quoted } from '../known-names.ts';
import type { SurveyedRoute } from '../rollout/ports/mesh.ts';
import type { RolloutEntry } from '../rollout/ports/store.ts';
import type { TargetKey, TargetRecord } from '../rollout/ports/targets.ts';
import { hasEnded } from '../rollout/rollout.ts';
import type { TargetAnswer, TargetService } from '../rollout/targets.ts';
import { KubernetesName, ObjectName } from '../rollout/units.ts';
import { negotiate } from './negotiate.ts';
import { cutToPage, nextCursor, pageLimit } from './page.ts';
import { ProblemError } from './problem.ts';
import { renderUnreadable } from './quarantine-wire.ts';
import { targetProblem } from './refusals.ts';
import { renderSummary } from './render-rollout.ts';
import { type ApiServer, json, NoQuery } from './route.ts';
import { Cursor, cursorOf, type RouteOnWire, TargetDetail, TargetPage } from './target-wire.ts';
import { clip } from './wire-parts.ts';

const listSchema = {
  operationId: 'listTargets',
  summary: 'List targets',
  description: 'Every route that ever had a rollout, with its last one and what is live.',
  tags: ['targets'],
  querystring: z.strictObject({
    cluster: KubernetesName.optional(),
    namespace: KubernetesName.optional(),
    limit: pageLimit(200, 50),
    cursor: Cursor.optional().describe('`page.nextCursor` of the page before.'),
  }),
  response: { 200: json('A page of targets.', TargetPage) },
};

const readSchema = {
  operationId: 'getTarget',
  summary: 'Read a target from the mesh, now',
  description:
    'All http routes of a VirtualService with their destinations and shares, whether a rollout could start there, its last rollout and the one that holds it.',
  tags: ['targets'],
  params: z.strictObject({
    cluster: z.string().describe('The name of the cluster.'),
    namespace: z.string(),
    virtualService: z.string(),
  }),
  querystring: NoQuery,
  response: { 200: json('The target as it stands now.', TargetDetail) },
};

/** `GET /v1/targets` and `GET /v1/targets/{cluster}/{namespace}/{virtualService}`. */
export function targetRoutes(app: ApiServer, targets: TargetService): void {
  app.route({
    method: 'GET',
    url: '/v1/targets',
    config: { problems: ['not-acceptable'] },
    schema: listSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { limit, cursor, cluster, namespace } = request.query;
      const found = await targets.list({
        limit: limit + 1,
        ...(cluster === undefined ? {} : { cluster }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      return pageOf(found, limit);
    },
  });
  app.route({
    method: 'GET',
    url: '/v1/targets/:cluster/:namespace/:virtualService',
    config: { problems: ['not-found', 'not-acceptable', 'kubernetes-unavailable'] },
    schema: readSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { namespace, virtualService } = request.params;
      const names = [KubernetesName.safeParse(namespace), ObjectName.safeParse(virtualService)];
      if (names.some(({ success }) => !success)) throw noTarget(namespace, virtualService);
      return renderTarget(request.params, await targets.read(request.params));
    },
  });
}

function pageOf(found: TargetRecord[], limit: number): z.output<typeof TargetPage> {
  const cut = cutToPage(found, limit);
  const data = cut.shown.map(({ key: { route, ...place }, last, live }) => ({
    ...place,
    route: route === '' ? null : route,
    liveRollout: live,
    lastRollout: renderLast(last),
    links: { self: pathOf(place) },
  }));
  const cursor = nextCursor(cut, ({ key }) => cursorOf(key));
  return { data, page: { nextCursor: cursor, hasMore: cut.hasMore } };
}

type Place = Omit<TargetKey, 'route'>;

/** The path of a target. */
export function pathOf({ cluster, namespace, virtualService }: Place): string {
  return `/v1/targets/${[cluster, namespace, virtualService].map(encodeURIComponent).join('/')}`;
}

type LastOnWire = NonNullable<z.output<typeof TargetDetail>['lastRollout']>;

function renderLast(last: RolloutEntry): LastOnWire {
  // No clock is at hand: times are told with their date.
  if (last.kind === 'unreadable') return renderUnreadable(last.row, 0);
  const { rollout, trouble } = last;
  const { id, status, statusReason, outcome, versions, createdAt, links } = renderSummary(
    rollout,
    rollout.createdAt,
    trouble,
  );
  return { id, status, statusReason, ended: hasEnded(rollout), outcome, versions, createdAt, links };
}

/** A target as callers see it. Throws a problem when it cannot be read. */
function renderTarget(place: Place, answer: TargetAnswer): z.output<typeof TargetDetail> {
  switch (answer.kind) {
    case 'clusterUnknown':
      throw noCluster(answer.asked, answer.clusters);
    case 'targetMissing':
      throw noTarget(place.namespace, place.virtualService);
    case 'meshUnavailable':
      throw targetProblem(answer, place);
    case 'target': {
      const { survey, record } = answer;
      return {
        ...place,
        routes: survey.kind === 'survey' ? survey.routes.map(renderRoute) : [],
        fault: survey.kind === 'survey' ? null : survey.fault,
        liveRollout: record?.live ?? null,
        lastRollout: record === null ? null : renderLast(record.last),
        links: { self: pathOf(place) },
      };
    }
  }
}

function renderRoute({ name, path, destinations, start }: SurveyedRoute): z.output<typeof RouteOnWire> {
  const route = { name: name === '' ? null : name, path, destinations };
  if (start.kind === 'shape')
    return { ...route, ready: false, fault: start.fault, stable: null, canary: null };
  return { ...route, ready: true, fault: null, stable: start.stable, canary: start.canary };
}

/** A VirtualService that is not there. */
export function noTarget(namespace: string, virtualService: string): ProblemError {
  const detail = `The cluster has no VirtualService "${clip(virtualService)}" in the namespace "${clip(namespace)}".`;
  return new ProblemError('not-found', detail);
}

/** A path that names no cluster of the configuration. */
export function noCluster(asked: string, clusters: readonly string[]): ProblemError {
  const detail = `canaryd knows no cluster "${clip(asked)}". Clusters here: ${quoted(clusters)}.`;
  return new ProblemError('not-found', detail);
}
