import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { ulid } from 'ulid';
import { sha256 } from '../api/plan-digest.ts';
import { ProblemError } from '../api/problem.ts';
import { buildProbeServer, buildServer } from '../api/server.ts';
import type { TokenTable } from '../api/tokens.ts';
import type { Config } from '../config.ts';
import { AppError, codeOf } from '../errors.ts';
import { failureFields, logOptions } from '../log.ts';
import { alertService } from '../rollout/alert-service.ts';
import { holdService } from '../rollout/hold-orders.ts';
import { planService } from '../rollout/plans.ts';
import { rolloutService } from '../rollout/service.ts';
import { targetService } from '../rollout/targets.ts';
import { alertStore } from '../store/alert-store.ts';
import { holdStore } from '../store/hold-store.ts';
import { planStore } from '../store/plan-store.ts';
import { rolloutStore } from '../store/rollout-store.ts';
import { targetStore } from '../store/target-store.ts';
import { type Parts, surroundingsOf } from './parts.ts';
import { readinessOf } from './readiness.ts';
import type { Schema } from './schema.ts';
import type { Closing } from './shutdown.ts';

/** Whether requests can be answered, and for how long yet. */
type Standing = { schema: Pick<Schema, 'missing'>; ending: AbortSignal };

/** Milliseconds that answers under way may take when this instance ends; then their connections are cut. */
const lastAnswersMs = 10_000;

/** Answers requests over HTTP. */
export async function startApi(parts: Parts, tokens: TokenTable, standing: Standing): Promise<Closing> {
  const { config, log, metrics, telemetry } = parts;
  const { db } = parts.reads;
  const { mesh } = parts.clusters;
  const clusters = config.clusters.map(({ name }) => name);
  const deadline = AbortSignal.timeout;
  const rollouts = rolloutStore(db);
  const holds = holdStore(db);
  const server = buildServer({
    service: rolloutService({
      clusters,
      mesh,
      metrics,
      alertRules: metrics.alertRules,
      surroundings: surroundingsOf(parts, 'readers'),
      rollouts,
      holds,
      newId: () => `ro_${ulid()}`,
      deadline,
    }),
    plans: planService({ library: planStore(db), digest: sha256, checkTemplates: metrics.checkTemplates }),
    targets: targetService({ clusters, mesh, records: targetStore(db), deadline }),
    alerts: alertService({ received: alertStore(db), clusters }),
    holds: holdService({ holds, rollouts, clusters, newId: () => `ho_${ulid()}` }),
    tokens,
    readiness: () => readinessOf(parts, standing),
    metricsText: telemetry.text,
    ending: standing.ending,
    log: logOptions(config.logLevel),
  });
  answerByStanding(server, standing);
  const address = await listenOn(server, config.listen);
  log.info({ address }, 'answering');
  return async ({ drainMs }) => {
    await wait(drainMs);
    const cut = setTimeout(() => server.server.closeAllConnections(), lastAnswersMs);
    await server.close().finally(() => clearTimeout(cut));
  };
}

/** Milliseconds that probes under way may take when a worker ends. */
const lastProbesMs = 1000;

/**
 * Answers probes and metrics for a process that takes turns only, for as long as it has turns. One that cannot have
 * the port takes its turns all the same: rollbacks need no probe.
 */
export async function startProbes(parts: Parts, standing: Standing): Promise<Closing> {
  const { config, log, telemetry } = parts;
  const server = buildProbeServer({
    readiness: () => readinessOf(parts, standing),
    metricsText: telemetry.text,
    log: logOptions(config.logLevel),
  });
  closeConnectionsAtTheEnd(server, standing.ending);
  try {
    const address = await listenOn(server, config.listen);
    log.info({ address }, 'answering probes');
  } catch (error) {
    log.error(failureFields(error), 'no probe and no metrics of this worker can be asked for');
  }
  return async () => {
    const cut = setTimeout(() => server.server.closeAllConnections(), lastProbesMs);
    await server.close().finally(() => clearTimeout(cut));
  };
}

async function listenOn(server: FastifyInstance, { host, port }: Config['listen']): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (cause) {
    const why = listenFaults[codeOf(cause) ?? ''] ?? 'the system refuses it';
    const mend = 'write another into CANARYD_LISTEN, or into listen in the configuration file';
    throw new AppError('configuration', `${host}:${port} cannot be listened on: ${why}; ${mend}`, { cause });
  }
}

const listenFaults: Record<string, string> = {
  EADDRINUSE: 'another process has this port',
  EACCES: 'this user may not have this port',
  EADDRNOTAVAIL: 'this machine does not have this address',
  ENOTFOUND: 'this name does not resolve',
};

/** Probes are always answered; all else waits for the tables. An instance that ends keeps no connection alive. */
function answerByStanding(server: FastifyInstance, { schema, ending }: Standing): void {
  server.addHook('onRequest', async (request) => {
    const missing = schema.missing();
    if (missing === null || request.routeOptions.config.public === true) return;
    throw new ProblemError('database-unavailable', `This instance has just started: ${missing}.`);
  });
  closeConnectionsAtTheEnd(server, ending);
}

function closeConnectionsAtTheEnd(server: FastifyInstance, ending: AbortSignal): void {
  server.addHook('onSend', async (_request, reply) => {
    if (ending.aborted) reply.header('connection', 'close');
  });
}
