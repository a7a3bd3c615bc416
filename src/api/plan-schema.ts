import { z } from 'zod';
import { WrittenPlan } from '../rollout/plan.ts';
import { type ApiServer, NoQuery } from './route.ts';

/** What the schema itself leaves unsaid, for people who hover over a name in an editor. */
const descriptions: Record<string, string> = {
  name: 'May be left out; a plan that is kept has the name in its path.',
  stable: 'What is asked of the present version while the canary is watched.',
  readiness: 'What the mesh has to look like before the first percent, and which checks of it may fail.',
  checks: 'Named checks, which run all the time. Without any: 1 % of errors and a P99 of 2000 ms.',
  steps: 'What is done in this order; a plan reaches 100 %.',
};

/**
 * The JSON Schema (draft 2020-12) of a plan as people write it, for editors. Rules between the parts of a plan cannot
 * be said in it: `POST /v1/plans:validate` knows them all.
 */
function planSchema(): Record<string, unknown> {
  const {
    $schema,
    properties = {},
    ...rest
  } = z.toJSONSchema(WrittenPlan, { io: 'input', unrepresentable: 'any' });
  const described = Object.entries(properties).map(([name, property]) => [name, withWords(name, property)]);
  return {
    $schema,
    $id: 'urn:canaryd:plan',
    title: 'canaryd plan',
    description: 'Steps and checks that take a service from its present version to a new one.',
    ...rest,
    properties: Object.fromEntries(described),
  };
}

function withWords(name: string, property: unknown): unknown {
  const description = descriptions[name];
  if (description === undefined || typeof property !== 'object' || property === null) return property;
  return { description, ...property };
}

/** The schema as the text that is served and that stands in `docs/`. */
export function planSchemaText(): string {
  return `${JSON.stringify(planSchema(), null, 2)}\n`;
}

/** `GET /v1/plan.schema.json`: no token, because editors have none. */
export function planSchemaRoute(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/v1/plan.schema.json',
    config: { public: true },
    schema: {
      operationId: 'getPlanSchema',
      summary: 'The JSON Schema of a plan',
      description:
        'For editors: `# yaml-language-server: $schema=<url of canaryd>/v1/plan.schema.json` at the top of a YAML file.',
      tags: ['plans'],
      querystring: NoQuery,
      response: {
        200: {
          description: 'JSON Schema, draft 2020-12.',
          content: { 'application/schema+json': { schema: z.string() } },
        },
      },
    },
    handler: async (_request, reply) => reply.type('application/schema+json').send(planSchemaText()),
  });
}
