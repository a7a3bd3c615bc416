import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { ulid } from 'ulid';
import { sha256 } from '../api/plan-digest.ts';
import { ProblemError } from '../api/problem.ts';
import { buildServer } from '../api/server.ts';
import type { TokenTable } from '../api/tokens.ts';
import { logOptions } from '../log.ts';
import { holdService } from '../rollout/hold-orders.ts';
import { planService } from '../rollout/plans.ts';
import { rolloutService } from '../rollout/service.ts';
import { targetService } from '../rollout/targets.ts';
import { holdStore } from '../store/hold-store.ts';
import { planStore } from '../store/plan-store.ts';
import { rolloutStore } from '../store/rollout-store.ts';
import { targetStore } from '../store/target-store.ts';
import type { Parts } from './parts.ts';
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
      rollouts,
      holds,
      newId: () => `ro_${ulid()}`,
      deadline,
    }),
    plans: planService({ library: planStore(db), digest: sha256 }),
    targets: targetService({ clusters, mesh, records: targetStore(db), deadline }),
    holds: holdService({ holds, rollouts, clusters, newId: () => `ho_${ulid()}` }),
    tokens,
    readiness: () => readinessOf(parts, standing),
    metricsText: telemetry.text,
    ending: standing.ending,
    log: logOptions(config.logLevel),
  });
  answerByStanding(server, standing);
  const address = await server.listen(config.listen);
  log.info({ address }, 'answering');
  return async ({ drainMs }) => {
    await wait(drainMs);
    const cut = setTimeout(() => server.server.closeAllConnections(), lastAnswersMs);
    await server.close().finally(() => clearTimeout(cut));
  };
}

/** Probes are always answered; all else waits for the tables. An instance that ends keeps no connection alive. */
function answerByStanding(server: FastifyInstance, { schema, ending }: Standing): void {
  server.addHook('onRequest', async (request) => {
    const missing = schema.missing();
    if (missing === null || request.routeOptions.config.public === true) return;
    throw new ProblemError('database-unavailable', `This instance has just started: ${missing}.`);
  });
  server.addHook('onSend', async (_request, reply) => {
    if (ending.aborted) reply.header('connection', 'close');
  });
}
