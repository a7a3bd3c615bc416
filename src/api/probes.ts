import { z } from 'zod';
import { contractOf } from './openapi.ts';
import { ProblemError } from './problem.ts';
import { redact } from './redact.ts';
import { type ApiDeps, type ApiServer, json, NoQuery, type Readiness } from './route.ts';

const Ready = z
  .object({
    status: z.literal('ready'),
    parts: z.record(
      z.string(),
      z.object({
        ok: z.boolean(),
        optional: z.boolean().optional().describe('True when rolling back works without it.'),
        why: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Ready' });

function text(description: string, media: string) {
  return { description, content: { [media]: { schema: z.string() } } };
}

/** What tells of a process; needs no token. */
export type ProbeDeps = Pick<ApiDeps, 'readiness' | 'metricsText'>;

/** What needs no token: `/healthz`, `/readyz`, `/metrics` and `/openapi.yaml`. */
export function probeRoutes(app: ApiServer, deps: ProbeDeps): void {
  processRoutes(app, deps);
  contractRoute(app);
}

/** `/healthz`, `/readyz` and `/metrics`, which every process has. */
export function processRoutes(app: ApiServer, { readiness, metricsText }: ProbeDeps): void {
  healthRoute(app);
  readinessRoute(app, readiness);
  metricsRoute(app, metricsText);
}

function healthRoute(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    config: { public: true },
    logLevel: 'warn',
    schema: {
      operationId: 'getHealth',
      summary: 'Is the process alive?',
      tags: ['probes'],
      querystring: NoQuery,
      response: { 200: json('It answers.', z.object({ status: z.literal('ok') })) },
    },
    handler: async () => ({ status: 'ok' as const }),
  });
}

function readinessRoute(app: ApiServer, readiness: ApiDeps['readiness']): void {
  app.route({
    method: 'GET',
    url: '/readyz',
    config: { public: true, problems: ['not-ready'] },
    logLevel: 'warn',
    schema: {
      operationId: 'getReadiness',
      summary: 'Can this instance do its work?',
      description:
        '503 while a part does not answer that canaryd cannot do without; `parts` says which and why.',
      tags: ['probes'],
      querystring: NoQuery,
      response: { 200: json('Every part that canaryd cannot do without answers.', Ready) },
    },
    handler: async () => {
      const parts = shownParts(await readiness());
      const missing = Object.keys(parts).filter(
        (name) => parts[name]?.ok !== true && parts[name]?.optional !== true,
      );
      if (missing.length === 0) return { status: 'ready' as const, parts };
      throw new ProblemError('not-ready', `Not answering: ${missing.join(', ')}.`, { parts });
    },
  });
}

/** Anybody may read this: addresses and credentials stay inside. */
function shownParts(parts: Readiness): Readiness {
  const shown = Object.entries(parts).map(([name, { why, ...part }]) => {
    return [name, why === undefined ? part : { ...part, why: redact(why).slice(0, 1000) }] as const;
  });
  return Object.fromEntries(shown);
}

const expositionFormat = 'text/plain; version=0.0.4; charset=utf-8';

function metricsRoute(app: ApiServer, metricsText: ApiDeps['metricsText']): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { public: true },
    logLevel: 'warn',
    schema: {
      operationId: 'getMetrics',
      summary: 'Metrics of this process',
      tags: ['probes'],
      querystring: NoQuery,
      response: { 200: text("Prometheus' text format.", 'text/plain') },
    },
    handler: async (_request, reply) => reply.type(expositionFormat).send(await metricsText()),
  });
}

function contractRoute(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/openapi.yaml',
    config: { public: true },
    schema: {
      operationId: 'getContract',
      summary: 'This contract',
      tags: ['probes'],
      querystring: NoQuery,
      response: { 200: text('OpenAPI 3.1.', 'application/yaml') },
    },
    handler: async (_request, reply) => reply.type('application/yaml; charset=utf-8').send(contractOf(app)),
  });
}
