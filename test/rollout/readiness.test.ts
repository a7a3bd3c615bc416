import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import type { Surroundings } from '../../src/rollout/ports/readiness.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { mood } from '../fakes/metrics.ts';
import { start } from '../fakes/rollouts.ts';
import { surroundingsOf } from '../fakes/surroundings.ts';
import { read, unread } from '../readiness/healthy.ts';
import { atFive, id, where, world } from './turn-world.ts';

const cardNetworkDown = {
  name: 'CardNetworkDown',
  labels: { severity: 'critical', service: 'payment-service', namespace: 'payment-prod' },
  state: 'firing' as const,
  since: null,
};
/** The fixture's VirtualService does not move with the fake mesh, whose drift is looked for elsewhere. */
const unmoved = { movedVirtualServices: unread('it is not looked at here') };
const calm = surroundingsOf(unmoved);
const burning = surroundingsOf({ ...unmoved, alerts: read([cardNetworkDown]) });

/** Whoever asks this has no business to. */
const nobodyAsks: Surroundings = {
  ofCluster: () => Promise.reject(new Error('the mesh was asked')),
  ofMetrics: () => Promise.reject(new Error('the metrics were asked')),
};

async function audited(store: Awaited<ReturnType<typeof world>>['store'], type: string) {
  return (await store.events(id, 0, 1000)).filter((row) => row.type === type);
}

describe('before the first percent the mesh is looked at', () => {
  it('asks for the namespaces of those who call, the one that calls most first, once each', async () => {
    const asked: (readonly string[])[] = [];
    const caller = (namespace: string, requestsPerSecond: number) => ({
      workload: 'any',
      namespace,
      principal: null,
      requestsPerSecond,
      plaintextPerSecond: 0,
    });
    const callers = ['atm-prod', 'branch-prod', 'unknown', 'branch-prod'].map(caller);
    const inner = surroundingsOf({ callers: read(callers) });
    const { turn } = await world({
      surroundings: {
        ...inner,
        ofCluster: (question, signal) => {
          asked.push(question.callers);
          return inner.ofCluster(question, signal);
        },
      },
    });
    await turn();
    expect(asked).toEqual([['branch-prod', 'atm-prod']]);
  });

  it('starts in a mesh that is in order, and writes down what was found', async () => {
    const { turn, store, mesh } = await world({ surroundings: surroundingsOf() });
    await turn();
    expect(mesh.shareOf(where)).toBe(5);
    const [row] = await audited(store, 'preflight.completed');
    expect(row?.message).toMatch(/^The mesh around the target was checked: .*\d+ passed\.$/);
    expect(row?.facts).toMatchObject({ summary: { blocking: 0 } });
  });

  it('waits a minute for what may pass by itself, and then does not start, with no traffic moved', async () => {
    const { run, found, mesh, store } = await world({ surroundings: burning });
    await run(30);
    expect((await found()).state).toMatchObject({
      kind: 'preflight',
      waitingFor: expect.stringMatching(/^PF-AL-02: .*CardNetworkDown/),
    });
    await run(60);
    const rollout = await found();
    expect(statusReasonOf(rollout)).toBe('preflight_failed');
    expect(mesh.shareOf(where)).toBe(0);
    expect(mesh.writes(where)).toEqual([]);
    const [row] = await audited(store, 'preflight.completed');
    expect(row?.facts['findings']).toContainEqual(
      expect.objectContaining({ id: 'PF-AL-02', severity: 'error', blocks: true }),
    );
  });

  it('starts when the alert ends in time', async () => {
    const made = await world({ surroundings: burning });
    await made.run(30);
    await made.turn({ surroundings: surroundingsOf() });
    made.clock.now += 10_000;
    await made.turn({ surroundings: surroundingsOf() });
    expect(made.mesh.shareOf(where)).toBe(5);
  });

  it('gives up at once on what does not pass by itself', async () => {
    const surroundings = surroundingsOf({ networkPolicies: read([]), peerAuthentications: read([]) });
    const { turn, found, mesh } = await world({ surroundings, readiness: { mutualTls: 'STRICT' } });
    await turn();
    const rollout = await found();
    expect(rollout.state).toMatchObject({
      kind: 'preflightFailed',
      why: expect.stringContaining('PF-MT-01'),
    });
    expect(mesh.writes(where)).toEqual([]);
    expect(explain(rollout, null, 0).what).toMatch(/^Not started: PF-MT-01: .*STRICT/);
  });

  it('a waiver of the plan lets it start, and stands in the audit log with its reason', async () => {
    const waiver = {
      check: 'PF-AL-02',
      reason: 'CHG0041234: card network drill',
      until: '2026-01-06T00:00:00Z',
    };
    const { turn, store, mesh } = await world({ surroundings: burning, readiness: { waivers: [waiver] } });
    await turn();
    expect(mesh.shareOf(where)).toBe(5);
    const [row] = await audited(store, 'preflight.completed');
    const waived = expect.objectContaining({ reason: 'CHG0041234: card network drill' });
    expect(row?.facts['findings']).toContainEqual(
      expect.objectContaining({ id: 'PF-AL-02', blocks: false, waiver: waived }),
    );
  });

  it('waits its minute from when the mesh was looked at, however long something else stood in the way', async () => {
    const { run, found, metrics, clock } = await world({ surroundings: burning });
    metrics.breakDown();
    await run(50);
    metrics.restore();
    await run(40);
    expect((await found()).state).toMatchObject({ kind: 'preflight', notReadySince: expect.any(Number) });
    expect(clock.now).toBe(start + 90_000);
    await run(60);
    expect(statusReasonOf(await found())).toBe('preflight_failed');
  });

  it('only warns of PERMISSIVE mTLS where the plan asks for no mode', async () => {
    const { turn, mesh } = await world({ surroundings: surroundingsOf({ peerAuthentications: read([]) }) });
    await turn();
    expect(mesh.shareOf(where)).toBe(5);
  });

  it('starts where nothing may be read, unless the plan says that what is not known blocks', async () => {
    const open = await world();
    await open.turn();
    expect(open.mesh.shareOf(where)).toBe(5);
    const strict = await world({ readiness: { block: ['error', 'unknown'] } });
    await strict.run(120);
    expect(strict.mesh.shareOf(where)).toBe(0);
    expect(statusReasonOf(await strict.found())).toBe('preflight_failed');
  });
});

describe('before each raise the mesh is looked at again', () => {
  it('holds at its share while a critical alert fires, says which, and goes on when it ends', async () => {
    let isBurning = false;
    const surroundings = {
      ...calm,
      ofMetrics: (...of: Parameters<typeof calm.ofMetrics>) => (isBurning ? burning : calm).ofMetrics(...of),
    };
    const { run, found, mesh } = await world({ surroundings });
    await run(600);
    isBurning = true;
    await run(1500);
    const held = await found();
    expect(held.state).toMatchObject({ kind: 'holding', reason: { kind: 'notReady', check: 'PF-AL-02' } });
    expect(statusReasonOf(held)).toBe('not_ready');
    expect(mesh.shareOf(where)).toBe(5);
    isBurning = false;
    await run(60);
    expect(mesh.shareOf(where)).toBe(100);
  });

  it('keeps a route for testers from being put in place, too, which gives the canary requests whatever its share', async () => {
    let isBurning = false;
    const surroundings = {
      ...calm,
      ofMetrics: (...of: Parameters<typeof calm.ofMetrics>) => (isBurning ? burning : calm).ofMetrics(...of),
    };
    const testers = [{ headers: { 'x-canary': { exact: 'true' } } }];
    const steps = [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '10m' },
      { type: 'setHeaderRoute', match: testers },
      { type: 'bake', duration: '10m' },
      { type: 'promote' },
    ];
    const { run, found, mesh } = await world({ surroundings, steps });
    await run(300);
    isBurning = true;
    await run(600);
    expect((await found()).state).toMatchObject({ kind: 'holding', reason: { check: 'PF-AL-02' } });
    expect(mesh.at(where)?.managedRoutes).toEqual([]);
    isBurning = false;
    await run(60);
    expect(mesh.at(where)?.managedRoutes).toEqual(['header']);
  });

  it('asks only what can have changed, so that a policy is no surprise in the middle', async () => {
    let isBroken = false;
    const open = surroundingsOf({ ...unmoved, peerAuthentications: read([]) });
    const surroundings = {
      ...calm,
      ofCluster: (...of: Parameters<typeof calm.ofCluster>) => (isBroken ? open : calm).ofCluster(...of),
    };
    const { run, mesh } = await world({ surroundings });
    await run(600);
    isBroken = true;
    await run(1500);
    expect(mesh.shareOf(where)).toBe(100);
  });

  it('does not look at the mesh for a turn that raises nothing', async () => {
    let looks = 0;
    const surroundings = {
      ...calm,
      ofCluster: (...of: Parameters<typeof calm.ofCluster>) => {
        looks += 1;
        return calm.ofCluster(...of);
      },
    };
    const { run } = await world({ surroundings });
    await run(1500);
    expect(looks).toBe(1);
  });

  it('does not keep a canary that fails from going back', async () => {
    const { run, mesh, mind } = await world({ surroundings: burning, readiness: { block: [] } });
    await run(600);
    expect(mesh.shareOf(where)).toBe(5);
    mind.canary = mood.failing;
    await run(120);
    expect(mesh.shareOf(where)).toBe(0);
  });

  it('goes back at once when a restored database finds a rollback in the object, and asks nobody', async () => {
    const { mesh } = await atFive();
    mesh.breakGlass(where);
    mesh.setShares(where, { v1: 80, v2: 20 });
    const restored = await world({ surroundings: nobodyAsks });
    await restored.turn({ mesh });
    expect(mesh.shareOf(where)).toBe(0);
  });

  it('does not ask before it repeats a raise that has landed and whose answer was lost', async () => {
    const { mesh, run, found } = await world({ surroundings: calm });
    await run(1795);
    mesh.failNextWrite({ kind: 'ambiguous', why: 'the connection broke' }, { landed: true });
    await run(10);
    expect(mesh.shareOf(where)).toBe(100);
    await run(60);
    expect((await found()).state.kind).toBe('succeeded');
  });

  it('asks every half minute while it holds, and watches the canary meanwhile', async () => {
    let looks = 0;
    const counting = {
      ...burning,
      ofCluster: (...of: Parameters<typeof burning.ofCluster>) => {
        looks += 1;
        return burning.ofCluster(...of);
      },
    };
    const { run, deps, found, mind, mesh } = await world({ surroundings: calm });
    await run(1790);
    deps.surroundings = counting;
    await run(130);
    expect((await found()).state).toMatchObject({ kind: 'holding', reason: { kind: 'notReady' } });
    expect(looks).toBeGreaterThan(2);
    expect(looks).toBeLessThan(7);
    mind.canary = mood.failing;
    await run(120);
    expect(mesh.shareOf(where)).toBe(0);
  });
});
