import { describe, expect, it } from 'vitest';
import type { Remember } from '../../src/rollout/act.ts';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { MeshFailure } from '../../src/rollout/ports/mesh.ts';
import type { Remembered } from '../../src/rollout/ports/store.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { bankPlan, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice } from './drive.ts';

const where = { namespace: 'bank', virtualService: 'payments' };
const request: CreateRequest = {
  target: { cluster: 'default', ...where },
  plan: bankPlan,
  reason: 'CHG0041234',
};
const noAnswer: MeshFailure = { kind: 'unavailable', reason: 'timeout', why: 'no answer in time' };

/** The service over a mesh with one VirtualService at rest, and a store; ids count up from 1. */
function world({
  scrapeSeconds = 1,
  clusters = ['default'],
}: {
  scrapeSeconds?: number;
  clusters?: string[];
} = {}) {
  const woken: string[] = [];
  const rollouts = memoryStore({ now: () => start, onWake: (id) => woken.push(id) });
  const mesh = fakeMesh();
  mesh.add(where);
  let ids = 0;
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters,
    mesh,
    metrics: fakeMetrics({ scrapeSeconds }),
    rollouts,
    holds: memoryHolds(() => start),
    newId: () => {
      ids += 1;
      return rolloutId(ids);
    },
    deadline: () => new AbortController().signal,
  });
  const create = (changes: Partial<CreateRequest> = {}, remember: Remember | null = null) =>
    service.create({ ...request, ...changes }, alice, remember);
  const preview = (changes: Partial<CreateRequest> = {}) =>
    service.preview({ ...request, ...changes }, alice);
  const bothWays = async (changes: Partial<CreateRequest> = {}) => [
    await create(changes),
    await preview(changes),
  ];
  return { service, mesh, rollouts, woken, create, preview, bothWays };
}

const key = { principal: 'alice', method: 'POST', path: '/v1/rollouts', key: 'k1' };
const remember: Remember = ({ id }): Remembered => ({ ...key, fingerprint: 'f', status: 202, body: id });

describe('a rollout that is asked for', () => {
  it('is written down with its first audit row, and wakes the workers', async () => {
    const { service, woken, create } = world();
    const answer = await create();
    expect(answer).toMatchObject({
      kind: 'created',
      now: start,
      rollout: {
        id: rolloutId(1),
        requestedBy: alice,
        reason: 'CHG0041234',
        createdAt: start,
        scrapeSeconds: 1,
        target: { ...where, stable: { version: 'v1' }, canary: { version: 'v2' } },
        state: { kind: 'preflight' },
      },
    });
    expect(await service.find(rolloutId(1))).toMatchObject({ rollout: { id: rolloutId(1) }, now: start });
    expect(await service.events(rolloutId(1), 0, 10)).toMatchObject([
      { type: 'rollout.scheduled', message: expect.stringContaining('v1 to v2 asked for by alice') },
    ]);
    expect(woken).toEqual([rolloutId(1)]);
  });

  it('runs on the only cluster when it names none', async () => {
    const { create } = world({ clusters: ['prod'] });
    expect(await create({ target: where })).toMatchObject({ rollout: { target: { cluster: 'prod' } } });
  });

  it('may run beside one on a VirtualService of the same name in another cluster', async () => {
    const { create, preview } = world({ clusters: ['eu', 'us'] });
    await create({ target: { ...where, cluster: 'eu' } });
    expect(await preview({ target: { ...where, cluster: 'us' } })).toMatchObject({ kind: 'preview' });
    expect(await preview({ target: { ...where, cluster: 'eu' } })).toMatchObject({ kind: 'taken' });
    expect(await create({ target: { ...where, cluster: 'us' } })).toMatchObject({ kind: 'created' });
  });

  it('moves no traffic yet', async () => {
    const { mesh, create } = world();
    await create();
    expect(mesh.writes(where)).toEqual([]);
  });

  it('is remembered under its key in the same breath, and a rival with that key starts nothing', async () => {
    const { service, create } = world();
    await create({}, remember);
    expect(await service.recall(key)).toMatchObject({ status: 202, body: rolloutId(1) });
    expect(await create({}, remember)).toEqual({ kind: 'answeredBefore' });
    expect((await service.list({ limit: 10 })).rollouts).toHaveLength(1);
  });
});

describe('nothing is started and nothing previewed', () => {
  it('when the VirtualService does not exist', async () => {
    const { bothWays } = world();
    const target = { ...request.target, virtualService: 'nowhere' };
    const missing = { kind: 'targetMissing' };
    expect(await bothWays({ target })).toEqual([missing, missing]);
  });

  it.each([['asia'], [undefined]])('when the cluster is none that is known: %s', async (cluster) => {
    const { bothWays, woken } = world({ clusters: ['eu', 'us'] });
    const target = { ...where, ...(cluster === undefined ? {} : { cluster }) };
    const unknown = { kind: 'clusterUnknown', asked: cluster ?? null, clusters: ['eu', 'us'] };
    expect(await bothWays({ target })).toEqual([unknown, unknown]);
    expect(woken).toEqual([]);
  });

  it('when its weights are not at rest, with where they stand', async () => {
    const { mesh, bothWays, woken } = world();
    mesh.moveByAnotherHand(where, 30);
    const fault = { code: 'split-not-at-rest', path: 'spec.http[0].route', message: expect.any(String) };
    const shape = { kind: 'targetShape', fault };
    expect(await bothWays()).toEqual([shape, shape]);
    expect(woken).toEqual([]);
  });

  it('when the cluster gives no answer', async () => {
    const { mesh, bothWays } = world();
    mesh.breakDown(noAnswer);
    const unavailable = { kind: 'meshUnavailable', failure: noAnswer };
    expect(await bothWays()).toEqual([unavailable, unavailable]);
  });

  it('while another rollout is live on the VirtualService', async () => {
    const { create, bothWays } = world();
    await create();
    const taken = { kind: 'taken', by: rolloutId(1) };
    expect(await bothWays()).toEqual([taken, taken]);
  });

  const checks = (windows: Record<string, number>) => {
    const check = (window: number) => ({ metric: 'errorRate', window });
    return Object.fromEntries(Object.entries(windows).map(([id, window]) => [id, check(window)]));
  };
  const planWith = (windows: Record<string, number>) =>
    Plan.parse({ ...bankPlan, interval: 5, checks: checks(windows) });

  it('when a check looks back over fewer than two scrapes, which it would be blind in', async () => {
    const { bothWays, woken } = world({ scrapeSeconds: 15 });
    const message =
      'looks back 10 s, but metrics are scraped every 15 s: a window spans at least two scrapes (30 s)';
    const fault = { path: ['checks', 'brief', 'window'], code: 'plan-inconsistent', message };
    const unfit = { kind: 'planUnfit', faults: [fault] };
    const plan = planWith({ brief: 10, fair: 30 });
    expect(await bothWays({ plan })).toEqual([unfit, unfit]);
    expect(woken).toEqual([]);
  });

  it.each([
    [29, ['planUnfit', 'planUnfit']],
    [30, ['created', 'taken']],
  ])('when a window at a scrape each 15 s is below 30 s: %d s', async (window, kinds) => {
    const { bothWays } = world({ scrapeSeconds: 15 });
    expect((await bothWays({ plan: planWith({ only: window }) })).map(({ kind }) => kind)).toEqual(kinds);
  });

  it('when the plan is blind, even if the cluster gives no answer', async () => {
    const { mesh, bothWays } = world({ scrapeSeconds: 31 });
    mesh.breakDown(noAnswer);
    expect((await bothWays()).map(({ kind }) => kind)).toEqual(['planUnfit', 'planUnfit']);
  });
});

describe('a preview', () => {
  it('shows when each step begins, its share, and what it writes', async () => {
    const { mesh, preview } = world();
    const answer = await preview();
    if (answer.kind !== 'preview') throw new Error(`previewed ${answer.kind}`);
    expect(
      answer.steps.map(({ step, type, share, startsInSeconds }) => [step, type, share, startsInSeconds]),
    ).toEqual([
      [0, 'setWeight', 5, 0],
      [1, 'bake', 5, 0],
      [2, 'setWeight', 20, 60],
      [3, 'bake', 20, 60],
      [4, 'setWeight', 50, 120],
      [5, 'bake', 50, 120],
      [6, 'promote', 100, 180],
    ]);
    expect(answer.forecast.seconds).toBe(240);
    const written = answer.steps.map(({ changes }) => changes.map(({ from, value }) => [from, value]));
    expect(written[1]).toEqual([]);
    expect(written[2]).toEqual([
      [95, 80],
      [5, 20],
    ]);
    expect(mesh.writes(where)).toEqual([]);
  });

  it('writes nothing down', async () => {
    const { service, preview, woken } = world();
    await preview();
    expect((await service.list({ limit: 10 })).rollouts).toEqual([]);
    expect(woken).toEqual([]);
  });
});

describe('a word to a rollout', () => {
  it('that it takes is written down, remembered and wakes the workers', async () => {
    const { service, create, woken } = world();
    await create();
    const answer = await service.act(rolloutId(1), { action: 'cancel' }, alice, remember);
    expect(answer).toMatchObject({ kind: 'accepted', now: start, rollout: { state: { kind: 'cancelled' } } });
    expect(await service.find(rolloutId(1))).toMatchObject({ rollout: { state: { kind: 'cancelled' } } });
    const events = await service.events(rolloutId(1), 0, 10);
    expect(events.map(({ type }) => type)).toEqual(['rollout.scheduled', 'rollout.cancelled']);
    expect(woken).toEqual([rolloutId(1), rolloutId(1)]);
    expect(await service.recall(key)).toMatchObject({ status: 202 });
  });

  it('that does not fit its state is refused, and changes nothing', async () => {
    const { service, create, woken } = world();
    await create();
    expect(await service.act(rolloutId(1), { action: 'resume' }, alice, remember)).toMatchObject({
      kind: 'refused',
      refusal: { code: 'invalid-transition' },
      rollout: { state: { kind: 'preflight' } },
    });
    expect(woken).toEqual([rolloutId(1)]);
    expect(await service.recall(key)).toBeNull();
  });

  it('that has no such rollout is unknown', async () => {
    const { service } = world();
    expect(await service.act(rolloutId(9), { action: 'pause' }, alice, null)).toEqual({ kind: 'unknown' });
    expect(await service.find(rolloutId(9))).toBeNull();
  });

  it('frees the VirtualService for the next one when it ends the rollout', async () => {
    const { service, create } = world();
    await create();
    await service.act(rolloutId(1), { action: 'cancel' }, alice, null);
    expect(await create()).toMatchObject({ kind: 'created' });
  });
});
