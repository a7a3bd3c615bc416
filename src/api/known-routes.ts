import type { FastifyInstance } from 'fastify';
import { pathOf } from './answer-problem.ts';
import { ProblemError } from './problem.ts';

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
    if (allowed.length === 0) throw new ProblemError('not-found', 'There is nothing at this path.');
    const allow = allowed.join(', ');
    throw new ProblemError('method-not-allowed', `This path takes ${allow}.`, {}, { allow });
  });
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
