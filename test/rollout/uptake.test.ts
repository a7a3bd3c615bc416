import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import type { HoldReason } from '../../src/rollout/reasons.ts';
import { emptyWatch, Rollout } from '../../src/rollout/rollout.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { baking, mood, noneReady, start } from './drive.ts';
import { type Driven, places, planOf, polls } from './places.ts';

const minute = { type: 'bake', duration: '60s' };
const steps = [{ type: 'setWeight', weight: 5 }, minute, { type: 'setWeight', weight: 20 }, minute];
const plan = planOf([...steps, { type: 'promote' }]);
/** Its checks ask for next to nothing. */
const easy = planOf([...steps, { type: 'promote' }], {
  checks: { errors: { metric: 'errorRate', minRequests: 1 } },
});
const unreadable = { kind: 'unavailable', reason: 'timeout', why: 'no answer' } as const;

const begun = () => baking({ plan });
const secondsOf = ({ world }: Driven) => (world.now - start) / 1000;
const uptakeOf = ({ world }: Driven) => world.rollout.watch.uptake;
const whatOf = ({ world }: Driven) => explain(world.rollout, world.nextAt, world.now).what;
const nextOf = ({ world }: Driven) => explain(world.rollout, world.nextAt, world.now).next;
const count = (driven: Driven, wanted: string) => driven.types().filter((type) => type === wanted).length;

function holdOf({ world }: Driven): HoldReason | null {
  const { state } = world.rollout;
  return state.kind === 'holding' ? state.reason : null;
}

/** Seconds after the start at which the present step's time began. */
function clockOf({ world }: Driven): number {
  const { state } = world.rollout;
  return 'position' in state ? (state.position.startedAt - start) / 1000 : Number.NaN;
}

/** Polls until the weight is this, and tells when that was. */
async function untilShare(driven: Driven, share: number): Promise<number> {
  for (let poll = 0; poll < 60 && driven.world.share !== share; poll += 1) await driven.run(10);
  expect(driven.world.share).toBe(share);
  return secondsOf(driven);
}

describe('the time of a bake', () => {
  it('begins with the weight when the first requests agree with it: no release takes longer', async () => {
    const driven = await begun();
    await polls(driven, 1);
    expect([clockOf(driven), uptakeOf(driven)?.taken]).toEqual([0, { since: start, untold: null }]);
    // A window of 60 s and one scrape, seen at the next poll.
    expect(await untilShare(driven, 20)).toBe(70);
    await polls(driven, 1);
    expect([clockOf(driven), uptakeOf(driven)?.taken]).toEqual([70, { since: start + 70_000, untold: null }]);
    expect(await untilShare(driven, 100)).toBe(140);
  });

  it('begins when the requests begin to agree: until then the weight is not what was measured', async () => {
    const driven = await begun();
    driven.world.observed = 1;
    await polls(driven, 2);
    expect([driven.status(), clockOf(driven)]).toEqual(['running', 0]);
    driven.world.observed = null;
    await polls(driven, 1);
    expect([driven.status(), clockOf(driven)]).toEqual(['running', 20]);
    expect(await untilShare(driven, 20)).toBe(80);
  });

  it('does not end in a poll whose requests went elsewhere', async () => {
    const driven = await begun();
    await polls(driven, 6);
    driven.world.observed = 20;
    await polls(driven, 1);
    expect([secondsOf(driven), driven.world.share, driven.status()]).toEqual([70, 5, 'running']);
    expect(whatOf(driven)).toContain('20 % of 835 requests went to the canary, and not 5 %');
    driven.world.observed = null;
    await polls(driven, 1);
    expect([secondsOf(driven), driven.world.share]).toEqual([80, 20]);
  });

  it('counts no request from before the weight: one taken in the middle of an interval is judged by its own', async () => {
    const driven = await begun();
    await driven.run(75);
    expect(driven.world.share).toBe(20);
    await driven.run(4);
    expect(uptakeOf(driven)?.appliedAt).toBe(start);
    await driven.run(1);
    expect(uptakeOf(driven)).toMatchObject({ appliedAt: start + 70_000, taken: { since: start + 70_000 } });
  });

  it('is told of as it stands: not begun, and what that takes', async () => {
    const driven = await baking({ plan: easy });
    driven.canary({ ...mood.healthy, requests: 30 });
    await polls(driven, 1);
    expect(whatOf(driven)).toBe(
      'Step 2 of 5: bake for 60 s; its time begins when requests show that the mesh has taken 5 %: 100 of 400 so far.',
    );
    expect(nextOf(driven)).toContain(
      'begins to count 60 s when requests show that the mesh has taken 5 %, or have not been enough to show it for as long as the checks look back',
    );
  });

  it('is not skipped by a person without a word about the proof', async () => {
    const driven = await begun();
    await polls(driven, 6);
    driven.world.observed = 20;
    await driven.run(10);
    const refused = driven.say({ action: 'advance' });
    expect(refused).toMatchObject({ kind: 'refused', refusal: { code: 'gate-not-ready' } });
    expect(JSON.stringify(refused)).toContain('Requests do not show yet that the mesh has taken 5 %.');
  });
});

describe('a service with few requests', () => {
  /** 60 requests a minute say nothing about 5 %, which takes 400. */
  const few = { ...mood.healthy, requests: 3 };
  it('waits as long as its checks look back, and then its bake begins; the reason is kept', async () => {
    const driven = await baking({ plan: easy });
    driven.canary(few);
    driven.stable({ ...mood.healthy, requests: 60 });
    await polls(driven, 6);
    expect([clockOf(driven), uptakeOf(driven)?.taken]).toEqual([0, null]);
    await polls(driven, 1);
    const untold = { requests: 140, needed: 400 };
    expect(uptakeOf(driven)?.taken).toEqual({ since: start + 70_000, untold });
    expect(whatOf(driven)).toBe(
      'Step 2 of 5: bake for 60 s; 140 requests were too few to see that the mesh has taken 5 % (400 are needed).',
    );
    expect(await untilShare(driven, 20)).toBe(130);
  });

  it('forgets that nobody could tell as soon as there are enough', async () => {
    const driven = await baking({ plan: easy });
    driven.canary(few);
    await polls(driven, 7);
    driven.canary(mood.healthy);
    await polls(driven, 1);
    expect(uptakeOf(driven)?.taken).toEqual({ since: start + 70_000, untold: null });
  });

  it('holds for its traffic and not for ever for this when its checks have too little, too', async () => {
    const driven = await begun();
    driven.canary(few);
    driven.stable({ ...mood.healthy, requests: 60 });
    await polls(driven, 8);
    expect([statusReasonOf(driven.world.rollout), uptakeOf(driven)?.taken?.untold?.needed]).toEqual([
      'no_traffic',
      400,
    ]);
  });

  it('is not held for requests that went elsewhere once and then stayed away', async () => {
    const driven = await baking({ plan: easy });
    driven.world.observed = 1;
    await polls(driven, 1);
    expect(uptakeOf(driven)?.differing?.inARow).toBe(1);
    driven.world.observed = null;
    driven.canary(few);
    await polls(driven, 7);
    expect(uptakeOf(driven)).toMatchObject({ differing: null, taken: { untold: { needed: 400 } } });
  });
});

describe('requests that go elsewhere again and again', () => {
  const held = async (observed = 1) => {
    const driven = await begun();
    driven.world.observed = observed;
    await polls(driven, 3);
    return driven;
  };

  it('hold the rollout at the third stretch in a row, with both shares and what they are taken of', async () => {
    const driven = await held(12);
    expect([driven.status(), statusReasonOf(driven.world.rollout)]).toEqual(['holding', 'traffic_mismatch']);
    expect(holdOf(driven)).toMatchObject({
      kind: 'trafficMismatch',
      applied: 5,
      requests: 1392,
      since: start,
    });
    expect([driven.world.share, count(driven, 'rollout.holding')]).toEqual([5, 1]);
  });

  it('are told of with what to look at, where traffic is and what comes next', async () => {
    const above = await held(12);
    expect(whatOf(above)).toBe(
      'Holding since 10:00:30Z: 12 % of 1392 requests went to the canary, where its weight of 5 % allows 3.5 % to 6.5 %, since 10:00:00Z: the mesh does not divide them as the VirtualService says (look for proxies that have not taken it with istioctl proxy-status, for other routes or callers without a proxy that reach the canary, and for retries).',
    );
    expect(whatOf(await held(1))).toContain('callers without a proxy that reach stable');
    expect(nextOf(above)).toMatch(
      /^Looks again in 10 s and goes on by itself when this is over; rolls back by itself if a guard fails/,
    );
  });

  it('let it go on by itself when they agree, and its clock has stood still', async () => {
    const driven = await held();
    await polls(driven, 4);
    expect(driven.status()).toBe('holding');
    driven.world.observed = null;
    await polls(driven, 1);
    expect([driven.status(), count(driven, 'rollout.resumed'), clockOf(driven)]).toEqual(['running', 1, 70]);
    expect(await untilShare(driven, 20)).toBe(130);
  });

  it('hold it in the middle of a bake just so, whose time goes on where it stood', async () => {
    const driven = await begun();
    await polls(driven, 2);
    driven.world.observed = 12;
    await polls(driven, 3);
    expect([driven.status(), secondsOf(driven)]).toEqual(['holding', 50]);
    await polls(driven, 3);
    driven.world.observed = null;
    await polls(driven, 1);
    expect([driven.status(), clockOf(driven), secondsOf(driven)]).toEqual(['running', 40, 90]);
    expect(await untilShare(driven, 20)).toBe(100);
  });

  it('keep no guard from its work: a failing canary goes back', async () => {
    const driven = await held();
    driven.canary(mood.failing);
    await polls(driven, 2);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('send a canary back that gets next to none of them, once its window is full', async () => {
    const driven = await begun();
    driven.canary(mood.none);
    driven.stable({ ...mood.healthy, requests: 4000 });
    await polls(driven, 3);
    expect(holdOf(driven)).toMatchObject({ kind: 'trafficMismatch', applied: 5, observed: 0 });
    await driven.run(120);
    const { state } = driven.world.rollout;
    expect(state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'canaryUnreachable' } });
    expect(secondsOf(driven)).toBe(150);
  });

  it('are passed by a person who says so and why, for one weight', async () => {
    const driven = await held();
    expect(driven.say({ action: 'advance' })).toMatchObject({ kind: 'refused' });
    await polls(driven, 5);
    const override = { override: ['checks' as const], reason: 'callers outside of the mesh' };
    expect(driven.say({ action: 'advance', ...override }).kind).toBe('obeyed');
    await driven.turn();
    expect(driven.world.share).toBe(20);
    await polls(driven, 3);
    expect(holdOf(driven)).toMatchObject({ kind: 'trafficMismatch', applied: 20 });
  });

  it('are forgotten with the weight that they were counted at', async () => {
    const driven = await held(20);
    driven.say({ action: 'advance', override: ['checks'], reason: 'they get 20 % anyway' });
    await driven.turn();
    expect([driven.world.share, driven.status()]).toEqual([20, 'running']);
    await polls(driven, 1);
    expect(uptakeOf(driven)).toMatchObject({ differing: null, taken: { untold: null } });
  });

  it('go back at the deadline of the plan when they never agree', async () => {
    const driven = await baking({ plan: planOf([...steps, { type: 'promote' }], { deadline: '5m' }) });
    driven.world.observed = 12;
    await driven.run(310);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'deadline', seconds: 300 },
    });
  });
});

describe('requests say nothing about the weights', () => {
  const elsewhere = async (driven: Driven, view: object = {}) => {
    driven.world.observed = 30;
    for (let poll = 0; poll < 4; poll += 1) await driven.run(10, { view });
    return driven;
  };

  it('at 100 %, where any stray request would be one too many', async () => {
    const driven = await elsewhere(await places.promoting());
    expect([driven.status(), uptakeOf(driven)]).toEqual(['promoting', null]);
  });

  it('while other routes bring stable some, too', async () => {
    const driven = await elsewhere(await begun(), { stableHasOtherRoutes: true });
    expect([driven.status(), uptakeOf(driven)]).toEqual(['running', null]);
  });

  it('and count for less where other routes bring the canary some: more is no mismatch, fewer is one', async () => {
    const more = await elsewhere(await begun(), { canaryHasOtherRoutes: true });
    expect([more.status(), uptakeOf(more)?.differing]).toEqual(['running', null]);
    const fewer = await begun();
    fewer.world.observed = 1;
    await fewer.run(30, { view: { canaryHasOtherRoutes: true } });
    expect(statusReasonOf(fewer.world.rollout)).toBe('traffic_mismatch');
  });

  it('while the weight stands in some of the routes only', async () => {
    const driven = await elsewhere(await begun(), { lowestShare: 0 });
    expect(uptakeOf(driven)).toBeNull();
  });

  it('while a managed route sends requests to the canary', async () => {
    const match = [{ headers: { 'x-canary': { exact: 'true' } } }];
    const driven = await baking({
      plan: planOf([{ type: 'setHeaderRoute', name: 'preview', match }, ...steps, { type: 'promote' }]),
    });
    await driven.run(1);
    await elsewhere(driven);
    expect(driven.world.rollout.traffic.managed.applied).toEqual(['preview']);
    expect([driven.world.share, uptakeOf(driven)]).toEqual([5, null]);
    expect(statusReasonOf(driven.world.rollout)).not.toBe('traffic_mismatch');
  });

  it('while nobody can read the weights', async () => {
    const driven = await begun();
    driven.world.observed = 30;
    await driven.run(40, { view: unreadable });
    expect([statusReasonOf(driven.world.rollout), uptakeOf(driven)]).toEqual(['mesh_unavailable', null]);
  });

  it('while there are no metrics: what they miss is held for, and a gap is no mismatch', async () => {
    const driven = await begun();
    await polls(driven, 1);
    driven.metrics.breakDown();
    await polls(driven, 4);
    expect(statusReasonOf(driven.world.rollout)).toBe('metrics_missing');
    driven.metrics.restore();
    await polls(driven, 2);
    expect([driven.status(), uptakeOf(driven)?.differing]).toEqual(['running', null]);
  });

  it('of a canary whose pods are gone: that guard answers first', async () => {
    const driven = await begun();
    driven.canary(mood.none);
    driven.pods.canary = noneReady;
    await polls(driven, 2);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'canaryUnreachable', evidence: { kind: 'noReadyPod' } },
    });
  });
});

describe('a rollout that was stored before shares were compared', () => {
  it('is read as one of which nothing is known, and goes on', async () => {
    const driven = await begun();
    const { uptake: _, ...watch } = driven.world.rollout.watch;
    const read = Rollout.parse(JSON.parse(JSON.stringify({ ...driven.world.rollout, watch })));
    expect(read.watch).toEqual({ ...emptyWatch, ...watch, uptake: null });
    const next = await baking({ plan });
    next.world.rollout = read;
    expect(await untilShare(next, 20)).toBe(70);
  });

  it('holds for a mismatch as it was written down', async () => {
    const driven = await begun();
    driven.world.observed = 12;
    await polls(driven, 3);
    const { rollout } = driven.world;
    expect(Rollout.parse(JSON.parse(JSON.stringify(rollout)))).toEqual(rollout);
  });
});
