import type { FastifyInstance, FastifyRequest } from 'fastify';
import { nearest } from '../known-names.ts';
import { pathOf } from './answer-problem.ts';
import { ProblemError } from './problem.ts';
import { RolloutId } from './wire-parts.ts';

/** A route as it was registered. */
type KnownRoute = { method: string; url: string };

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route of this server, in the order of registration. */
    knownRoutes: readonly KnownRoute[];
  }
}

/** A path that exists under another method is answered with 405 and `Allow`, every other one with 404. */
export function answerUnknownPaths(app: FastifyInstance): void {
  const routes: KnownRoute[] = [];
  app.decorate('knownRoutes', routes);
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });
  app.setNotFoundHandler((request) => {
    const allowed = methodsOf(routes, pathOf(request));
    if (allowed.length === 0)
      throw new ProblemError('not-found', nothingAt(alikeFirst(routes, request), pathOf(request)));
    const allow = allowed.join(', ');
    throw new ProblemError('method-not-allowed', `This path takes ${allow}.`, {}, { allow });
  });
}

/** The routes of the request's method before all others. */
function alikeFirst(routes: KnownRoute[], { method: asked }: FastifyRequest): KnownRoute[] {
  const isAlike = ({ method }: KnownRoute) => method === asked;
  return [...routes.filter(isAlike), ...routes.filter((route) => !isAlike(route))];
}

/** Asks for the route that was most likely meant: an action by its short name, or a path with one word misspelt. */
function nothingAt(routes: KnownRoute[], path: string): string {
  const nothing = 'There is nothing at this path';
  const mend = actionMeant(routes, path) ?? wordMeant(routes, path);
  return mend === null ? `${nothing}.` : `${nothing}: ${mend}`;
}

const actionsUrl = '/v1/rollouts/:id/actions/';
const belowRollout = /^\/v1\/rollouts\/([^/]+)\/(actions\/)?([^/]*)\/?$/;

function actionMeant(routes: KnownRoute[], path: string): string | null {
  const [, id = '', below, word = ''] = belowRollout.exec(path) ?? [];
  const actions = routes.flatMap(({ url }) =>
    url.startsWith(actionsUrl) ? [url.slice(actionsUrl.length)] : [],
  );
  const meant = nearest(word, actions);
  if (meant !== null) return `did you mean POST ${withId(`${actionsUrl}${meant}`, id)}?`;
  return below === undefined ? null : `the actions are ${actions.join(', ')}.`;
}

/** An id is repeated only when it has the form of one. */
function withId(url: string, id: string): string {
  return url.replace(':id', RolloutId.safeParse(id).success ? id : '{id}');
}

function wordMeant(routes: KnownRoute[], path: string): string | null {
  const written = path.split('/');
  for (const { method, url } of routes) {
    if (method === 'HEAD') continue;
    const wanted = url.split('/');
    const others = wanted.filter((word, at) => !word.startsWith(':') && word !== written[at]);
    const [other] = others;
    if (wanted.length !== written.length || other === undefined || others.length > 1) continue;
    if (nearest(written[wanted.indexOf(other)] ?? '', [other]) === null) continue;
    return `did you mean ${method} ${withId(url, written[3] ?? '').replaceAll(/:([a-z]+)/gi, '{$1}')}?`;
  }
  return null;
}

function methodsOf(routes: KnownRoute[], path: string): string[] {
  const here = routes.filter(({ url }) => patternOf(url).test(path));
  return [...new Set(here.map(({ method }) => method))].sort();
}

function patternOf(url: string): RegExp {
  // A colon that is written twice is one that stands in the path.
  const pattern = url
    .replaceAll('.', '\\.')
    .replaceAll(/(?<!:):[a-z]+/gi, '[^/]+')
    .replaceAll('::', ':');
  return new RegExp(`^${pattern}$`);
}
