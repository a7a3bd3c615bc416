import { ulid } from 'ulid';
import { sha256 } from '../api/plan-digest.ts';
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
import type { Closing } from './shutdown.ts';

/** Answers requests over HTTP. */
export async function startApi(parts: Parts, tokens: TokenTable): Promise<Closing> {
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
    readiness: () => readinessOf(parts),
    metricsText: telemetry.text,
    log: logOptions(config.logLevel),
  });
  const address = await server.listen(config.listen);
  log.info({ address }, 'answering');
  return () => server.close();
}
