import { describe, expect, it } from 'vitest';
import { advance, type TurnDeps } from '../../src/rollout/advance.ts';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { misfits } from '../../src/rollout/plan-fits.ts';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import { newRollout, statusOf } from '../../src/rollout/rollout.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { decideScheduled } from '../../src/rollout/start-scheduled.ts';
import type { RouteKey, Target } from '../../src/rollout/target.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { aScheduled, bankPlan, begun, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice, baking, bob, drive, noneReady } from './drive.ts';
import { planOf } from './places.ts';

const http: RouteKey = { kind: 'http', name: '' };
const tcp: RouteKey = { kind: 'tcp', port: 5432 };
const tls: RouteKey = { kind: 'tls', port: 443, sniHosts: ['db.bank'] };
const weight = (share: number) => ({ type: 'setWeight', weight: share });
const [pause, approval, promote] = [
  { type: 'pause', duration: '1m' },
  { type: 'approval' },
  { type: 'promote' },
];
/** What is left for routes without metrics: weights, time and people. */
const unchecked = planOf([weight(5), pause, weight(50), approval, promote], { checks: {} });
const where = { namespace: 'bank', virtualService: 'payments' };

/** A target whose first object has these routes, and whose second one, if any, has those. */
function targetWith(routes: RouteKey[], also: RouteKey[] = []): Target {
  const moved = (keys: RouteKey[]) =>
    keys.map((key) => ({ key, original: { stable: 100, canary: 0, others: [] } }));
  const second = { namespace: 'bank', virtualService: 'second', uid: 'uid-2', routes: moved(also) };
  return { ...paymentTarget, routes: moved(routes), also: also.length === 0 ? [] : [second] };
}

describe('a plan whose checks are of HTTP', () => {
  const why = (routes: string, checks: string) =>
    `${routes} no HTTP metrics, so that checks ${checks} would never see anything: name an http route beside it, or use a plan of setWeight, pause and approval with "checks": {}`;

  it.each<[string, RouteKey[], RouteKey[], string]>([
    ['a tcp route', [tcp], [], 'a tcp route has'],
    ['a tls route', [tls], [], 'a tls route has'],
    ['tls and tcp routes', [tls, tcp], [], 'tls and tcp routes have'],
    ['two VirtualServices without http', [tcp], [tls], 'tls and tcp routes have'],
  ])('does not fit %s, and says what does', (_name, routes, also, words) => {
    expect(misfits(bankPlan, targetWith(routes, also))).toEqual([
      { path: ['steps', 1], code: 'plan-inconsistent', message: why(words, 'errorRate and p99') },
    ]);
  });

  it.each<[string, RouteKey[], RouteKey[]]>([
    ['http alone', [http], []],
    ['an http route beside a tcp one', [http, tcp], []],
    ['an http route in another VirtualService', [tls], [http]],
  ])('fits %s', (_name, routes, also) => {
    expect(misfits(bankPlan, targetWith(routes, also))).toEqual([]);
  });

  it('is pointed at where it bakes last, or at its checks when it does so nowhere', () => {
    const last = planOf([{ type: 'promote', bake: '2m' }]);
    expect(misfits(last, targetWith([tcp]))[0]?.path).toEqual(['steps', 0]);
    const stored = { ...unchecked, checks: bankPlan.checks };
    expect(misfits(stored, targetWith([tcp]))[0]?.path).toEqual(['checks']);
  });
});

describe('a plan without checks', () => {
  it('may set weights, wait and ask people', () => {
    expect(unchecked.checks).toEqual({});
    expect(misfits(unchecked, targetWith([tcp]))).toEqual([]);
  });

  it('does not fit a route whose requests can be judged', () => {
    const [fault, ...others] = misfits(unchecked, targetWith([tcp, http]));
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ path: ['checks'], code: 'plan-inconsistent' });
    expect(fault?.message).toMatch(/leave "checks" out to take the usual two, or write some$/);
  });

  it.each<[string, unknown[], string]>([
    [
      'bakes',
      [weight(5), { type: 'bake', duration: '5m' }, promote],
      'a bake without checks has nothing to prove',
    ],
    [
      'bakes at its end',
      [approval, { type: 'promote', bake: '5m' }],
      'a bake without checks has nothing to prove',
    ],
    ['raises without a stop', [approval, weight(5), promote], 'put a pause or an approval before it'],
    ['stops nowhere', [promote], 'stops at no time: add a pause or an approval'],
  ])('is refused when it %s', (_name, steps, words) => {
    const parsed = Plan.safeParse({ steps, checks: {} });
    expect(parsed.error?.issues[0]?.message).toContain(words);
  });
});

/** A service and a worker over a mesh whose only route is a tcp route. */
function world() {
  const clock = { now: start };
  const store = memoryStore({ now: () => clock.now });
  const fake = fakeMesh();
  fake.add(where);
  const metrics = fakeMetrics();
  metrics.breakDown();
  const mesh: Mesh = {
    ...fake,
    resolve: async (request, signal) => ofTcp(await fake.resolve(request, signal)),
  };
  const deadline = () => new AbortController().signal;
  const holds = memoryHolds(() => clock.now);
  const newId = () => rolloutId(1);
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics,
    rollouts: store,
    holds,
    newId,
    deadline,
  });
  const alarm = { ring: async () => undefined };
  const rest = async () => undefined;
  const surroundings = darkSurroundings();
  const deps: TurnDeps = { worker: 'w1', store, mesh, metrics, surroundings, alarm, deadline, rest };
  const request: CreateRequest = { target: { cluster: 'default', ...where }, plan: unchecked, reason: null };

  async function run(seconds: number): Promise<void> {
    for (const until = clock.now + seconds * 1000; clock.now < until; clock.now += 1000)
      for (const id of await store.due(10)) await advance(deps, id);
  }
  return { clock, store, fake, metrics, service, request, run };
}

type Resolution = Awaited<ReturnType<Mesh['resolve']>>;

function ofTcp(resolution: Resolution): Resolution {
  if (resolution.kind !== 'resolved') return resolution;
  const { routes } = targetWith([tcp]);
  return { ...resolution, target: { ...resolution.target, route: 'tcp:5432', routes } };
}

describe('a rollout on a tcp route', () => {
  it.each([
    ['now', null],
    ['for later', start + 60_000],
  ])('is refused with a plan that bakes, at the request and as a dry run, when asked for %s', async (_when, startAt) => {
    const { service, request } = world();
    const asked = { ...request, plan: bankPlan, startAt };
    for (const answer of [await service.create(asked, alice, null), await service.preview(asked, alice)])
      expect(answer).toMatchObject({ kind: 'planUnfit', faults: [{ path: ['steps', 1] }] });
  });

  it('that was scheduled when its target had an http route is refused when its time comes', () => {
    const found = { kind: 'resolved' as const, target: targetWith([tcp]), scrapeSeconds: 5 };
    const sight = { order: null, namesakes: [], found };
    const { rollout, events } = decideScheduled(aScheduled({ startAt: start }), sight, start);
    expect(statusOf(rollout)).toBe('preflight_failed');
    expect(events[0]?.message).toMatch(
      /^Not started, no traffic was moved: plan\/steps\/1: a tcp route has no HTTP/,
    );
  });

  it('previews without a number, and asks no metrics', async () => {
    const { service, request, metrics } = world();
    const previewed = await service.preview(request, alice);
    expect(previewed).toMatchObject({
      kind: 'preview',
      obstacle: null,
      survey: null,
      forecast: { rate: { kind: 'unknown', why: expect.stringContaining('the plan has no checks') } },
    });
    expect(metrics.surveyed).toEqual([]);
  });

  it('starts, pauses, raises and asks without metrics, though none can be had', async () => {
    const { service, request, run, store, fake, metrics } = world();
    await service.create(request, alice, null);
    await run(30);
    expect([statusOf(begun((await store.find(rolloutId(1)))?.rollout)), fake.shareOf(where)]).toEqual([
      'running',
      5,
    ]);
    await run(60);
    const stored = begun((await store.find(rolloutId(1)))?.rollout);
    expect([statusOf(stored), fake.shareOf(where)]).toEqual(['awaiting_approval', 50]);
    expect([metrics.asked, stored.watch.metricsMissing]).toEqual([[], null]);
  });

  it('is carried to its end by people, without a proof that nobody could give', async () => {
    const driven = await baking({ plan: unchecked, target: targetWith([tcp]) });
    await driven.run(60);
    expect([driven.world.share, driven.status()]).toEqual([50, 'awaiting_approval']);
    const approval = driven.world.rollout.approvals[0]?.id ?? '';
    driven.say({ action: 'approve', approval }, bob);
    await driven.run(10);
    expect([driven.world.share, driven.status()]).toEqual([100, 'succeeded']);
  });

  it('goes back when the canary has no ready pod in two polls', async () => {
    const driven = await baking({ plan: unchecked, target: targetWith([tcp]) });
    driven.pods.canary = noneReady;
    await driven.run(20);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'canaryUnreachable', evidence: { kind: 'noReadyPod', polls: 2 } },
    });
  });

  it('holds while stable is not ready, and never for metrics or traffic', async () => {
    const driven = await baking({ plan: unchecked, target: targetWith([tcp]) });
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(10);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'holding', reason: { kind: 'stableNotReady' } });
    driven.pods.stable = { kind: 'known', ready: 3, total: 3 };
    await driven.run(10);
    expect(driven.status()).toBe('running');
  });

  it('starts although no metrics show stable', async () => {
    const target = targetWith([tcp]);
    const asked = { id: rolloutId(1), target, plan: unchecked, requestedBy: alice, reason: null };
    const driven = drive(newRollout(asked, 1, start));
    driven.metrics.breakDown();
    await driven.turn();
    expect(driven.status()).toBe('running');
  });
});
