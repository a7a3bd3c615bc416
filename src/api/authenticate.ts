import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '../rollout/reasons.ts';
import { ProblemError } from './problem.ts';
import type { TokenTable } from './tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only on routes that need no token. */
    actor: Actor | null;
  }
  interface FastifyContextConfig {
    /** True for the probes; every other route needs a token. */
    public?: boolean;
  }
}

/** Every known route needs a bearer token unless it says that it is public: to forget it is to close it. */
export function requireTokens(app: FastifyInstance, tokens: TokenTable): void {
  app.decorateRequest('actor', null);
  app.addHook('onRequest', async (request) => {
    if (request.is404 || request.routeOptions.config.public === true) return;
    request.actor = identify(tokens, request.headers.authorization);
  });
}

/** Who sent the request. Throws on a public route, where nobody is known. */
export function actorOf(request: Pick<FastifyRequest, 'actor'>): Actor {
  if (request.actor === null) throw new Error('a route that needs an actor is public');
  return request.actor;
}

/** A missing, malformed and unknown token get the same answer: it says nothing about which tokens exist. */
function identify(tokens: TokenTable, authorization: string | undefined): Actor {
  const token = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
  const actor = tokens.identify(token ?? '');
  if (token !== undefined && actor !== null) return actor;
  const headers = { 'www-authenticate': 'Bearer realm="canaryd", error="invalid_token"' };
  throw new ProblemError(
    'unauthenticated',
    'Send a valid token: Authorization: Bearer <token>.',
    {},
    headers,
  );
}
