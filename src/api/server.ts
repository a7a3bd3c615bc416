import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { ulid } from 'ulid';
import { actionRoutes } from './actions.ts';
import { alertHookRoute } from './alert-hook.ts';
import { allEventsRoute } from './all-events.ts';
import { answerBrokenHttp, answerProblem, pathOf, safetyHeaders } from './answer-problem.ts';
import { approvalRoutes } from './approvals.ts';
import { auditRoute } from './audit.ts';
import { requireTokens } from './authenticate.ts';
import { checklistRoute } from './checklist.ts';
import { createRoute } from './create.ts';
import { docsPage } from './docs-page.ts';
import { eventsRoute } from './events.ts';
import { holdRoutes } from './holds.ts';
import { acceptOnlyJson, settleMissingBody } from './json-body.ts';
import { judgementsRoute } from './judgements.ts';
import { answerUnknownPaths } from './known-routes.ts';
import { leaveOutWrongParts } from './lenient-body.ts';
import { liveAnswers } from './live/streaming.ts';
import { meRoute } from './me.ts';
import { measurementsRoute } from './measurements.ts';
import { mutualTlsRoute } from './mutual-tls.ts';
import { contractOptions } from './openapi.ts';
import { planSchemaRoute } from './plan-schema.ts';
import { planRoutes } from './plans.ts';
import { preflightRoute } from './preflights.ts';
import { type ProbeDeps, probeRoutes, processRoutes } from './probes.ts';
import { ProblemError } from './problem.ts';
import { problemPages } from './problem-pages.ts';
import { putPlanRoute } from './put-plan.ts';
import { errorForLog } from './redact.ts';
import { rolloutRoutes } from './rollouts.ts';
import type { ApiDeps, ApiServer } from './route.ts';
import { statusRoute } from './status.ts';
import { targetRoutes } from './targets.ts';
import { validatePlanRoute } from './validate-plan.ts';
import { checkWithZod } from './validation.ts';

const limits = {
  bodyLimit: 65_536,
  // A client that is slow to send, or says nothing, is cut off; Node checks its own timeouts only every 30 s.
  connectionTimeout: 10_000,
  keepAliveTimeout: 5000,
  // Above the longest wait of a handler: a look at the mesh and a few statements of at most 3 s each.
  handlerTimeout: 20_000,
} as const;

/**
 * The HTTP face: all routes of `/v1`, the probes, and a problem (RFC 9457) for everything else. It listens to
 * nothing until `listen` is called.
 */
export function buildServer(deps: ApiDeps): FastifyInstance {
  const app = serverWithoutRoutes(deps.log ?? false);
  refuseWhileClosing(app);
  requireTokens(app, deps.tokens);
  acceptOnlyJson(app);
  settleMissingBody(app);
  leaveOutWrongParts(app);
  answerUnknownPaths(app);
  app.register(swagger, contractOptions);
  app.register(async (api) => addRoutes(api.withTypeProvider<ZodTypeProvider>(), deps));
  return app;
}

/**
 * What a process answers that takes turns and no requests: `/healthz`, `/readyz` and `/metrics`, without a token, and a
 * problem for everything else.
 */
export function buildProbeServer(deps: ProbeDeps & Pick<ApiDeps, 'log'>): FastifyInstance {
  const app = serverWithoutRoutes(deps.log ?? false);
  refuseWhileClosing(app);
  answerUnknownPaths(app);
  app.register(async (api) => processRoutes(api.withTypeProvider<ZodTypeProvider>(), deps));
  return app;
}

function serverWithoutRoutes(log: LoggerOptions): FastifyInstance {
  const app = Fastify({
    ...limits,
    logger: loggerOptions(log),
    requestIdHeader: false,
    genReqId: () => `req_${ulid()}`,
    // Ours answers with a problem.
    return503OnClosing: false,
    frameworkErrors: answerProblem,
    clientErrorHandler: answerBrokenHttp,
  });
  app.setValidatorCompiler(checkWithZod);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerProblem);
  return app;
}

function addRoutes(api: ApiServer, deps: ApiDeps): void {
  createRoute(api, deps.service, deps.plans);
  preflightRoute(api, deps.service, deps.plans);
  planRoutes(api, deps.plans);
  putPlanRoute(api, deps.plans);
  validatePlanRoute(api, deps.plans);
  planSchemaRoute(api);
  targetRoutes(api, deps.targets);
  checklistRoute(api, deps.service);
  mutualTlsRoute(api, deps.service);
  const streaming = liveAnswers(api, deps);
  rolloutRoutes(api, deps.service, streaming);
  statusRoute(api, deps.service, streaming);
  eventsRoute(api, deps.service, streaming);
  allEventsRoute(api, deps.service, streaming);
  measurementsRoute(api, deps.service);
  judgementsRoute(api, deps.service);
  actionRoutes(api, deps.service);
  approvalRoutes(api, deps.service);
  holdRoutes(api, deps.holds);
  alertHookRoute(api, deps.alerts);
  auditRoute(api, deps.service);
  meRoute(api);
  problemPages(api);
  docsPage(api);
  probeRoutes(api, deps);
}

/** Safety headers first, so that a refusal has them too; then nothing new is begun while the server closes. */
function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(safetyHeaders(request.id));
    if (!closing) return;
    throw new ProblemError('shutting-down', 'This instance is shutting down.', {}, { connection: 'close' });
  });
}

type LoggerOptions = Exclude<FastifyServerOptions['logger'], undefined>;

/** Named fields only: no header, no query and no body reaches the log. */
function loggerOptions(log: LoggerOptions): LoggerOptions {
  if (log === false) return false;
  const own = {
    req: (request: { method: string; url: string }) => ({ method: request.method, path: pathOf(request) }),
    res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
    err: errorForLog,
  };
  return log === true ? { serializers: own } : { ...log, serializers: { ...log.serializers, ...own } };
}
