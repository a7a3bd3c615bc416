import type { LightMyRequestResponse } from 'fastify';
import type { Resolution } from '../../src/rollout/ports/mesh.ts';
import type { Surroundings } from '../../src/rollout/ports/readiness.ts';
import type { StoredRollout } from '../../src/rollout/rollout.ts';
import { type RolloutService, rolloutService } from '../../src/rollout/service.ts';
import { targetService } from '../../src/rollout/targets.ts';
import { type FakeMesh, fakeMesh } from '../fakes/mesh.ts';
import { type FakeMetrics, fakeMetrics, mood } from '../fakes/metrics.ts';
import { type MemoryStore, memoryStore } from '../fakes/store.ts';
import { surroundingsOf } from '../fakes/surroundings.ts';
import { memoryTargets } from '../fakes/targets.ts';
import { noon, subjectWith } from '../readiness/healthy.ts';
import { api, ask } from './api.ts';
import { rolloutId } from './rollouts.ts';

export const bank = { namespace: 'payment-prod', virtualService: 'payment-service' };

export type ReadinessWorld = {
  mesh: FakeMesh;
  metrics: FakeMetrics;
  store: MemoryStore;
  service: RolloutService;
  app: ReturnType<typeof api>;
  get(path: string): Promise<LightMyRequestResponse>;
  post(payload: object): Promise<LightMyRequestResponse>;
};

/** The real service behind the API, over the bank's namespace, in which all is well but for what a test changes. */
export async function readinessWorld({
  surroundings = surroundingsOf(),
  rollouts = [],
}: {
  surroundings?: Surroundings;
  rollouts?: StoredRollout[];
} = {}): Promise<ReadinessWorld> {
  const mesh = bankMesh();
  const metrics = fakeMetrics({ scrapeSeconds: 15 });
  metrics.set('stable', { ...mood.healthy, requests: 36_000 });
  metrics.set('canary', mood.idle);
  const store = memoryStore({ now: () => noon });
  for (const rollout of rollouts) await store.create(rollout, [], null);
  const deadline = () => new AbortController().signal;
  const clusters = ['default', 'blue'];
  const service = rolloutService({
    surroundings: onlyFacts(surroundings),
    clusters,
    mesh,
    metrics,
    rollouts: store,
    holds: { standing: async () => [] },
    newId: () => rolloutId,
    deadline,
  });
  const targets = targetService({ clusters, mesh, records: memoryTargets(rollouts), deadline });
  const app = api({ service, targets });
  return {
    mesh,
    metrics,
    store,
    service,
    app,
    get: (path) => ask(app, { url: path }),
    post: (payload) => ask(app, { method: 'POST', url: '/v1/preflights', payload }),
  };
}

/** What canaryd knows by itself is not for its surroundings to say. */
function onlyFacts({ ofCluster, ofMetrics }: Surroundings): Surroundings {
  return {
    ofCluster: async (...asked) => withoutOwn(await ofCluster(...asked)),
    ofMetrics: async (...asked) => withoutOwn(await ofMetrics(...asked)),
  };
}

function withoutOwn<Facts extends object>(facts: Facts): Facts {
  const copy = { ...facts };
  for (const own of ['at', 'subject', 'split', 'locks', 'survey']) Reflect.deleteProperty(copy, own);
  return copy;
}

/** The fake names its arms by subset alone; the bank's objects know the host in full, and the route by its name. */
function bankMesh(): FakeMesh {
  const mesh = fakeMesh();
  mesh.add(bank);
  const { host } = subjectWith().stable;
  return {
    ...mesh,
    resolve: async (...asked) => {
      const byHost = asked[0].canary?.host;
      if (byHost !== undefined && byHost !== host) return noDestination(byHost);
      const found = await mesh.resolve(...asked);
      if (found.kind !== 'resolved') return found;
      const { stable, canary, routes } = found.target;
      const named = routes.map((route) => ({ ...route, key: { kind: 'http' as const, name: 'primary' } }));
      const target = {
        ...found.target,
        route: 'primary',
        routes: named,
        stable: { ...stable, host },
        canary: { ...canary, host },
      };
      return { ...found, target };
    },
  };
}

function noDestination(name: string): Resolution {
  const message = `the route has no destination with the host ${name}`;
  const fault = { code: 'destination-not-in-route' as const, path: 'spec.http[0].route', message };
  return { kind: 'shape', fault };
}
