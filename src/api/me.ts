import { actorOf } from './authenticate.ts';
import { negotiate } from './negotiate.ts';
import { type ApiServer, json, NoQuery } from './route.ts';
import { ActorOnWire } from './wire-parts.ts';

const schema = {
  operationId: 'getMe',
  summary: 'Who the token belongs to',
  tags: ['identity'],
  querystring: NoQuery,
  response: { 200: json('The person or machine that the audit log will name.', ActorOnWire) },
};

/** `GET /v1/me`. */
export function meRoute(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/v1/me',
    config: { problems: ['not-acceptable'] },
    schema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      return actorOf(request);
    },
  });
}
