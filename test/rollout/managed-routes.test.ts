import { describe, expect, it } from 'vitest';
import { Plan } from '../../src/rollout/plan.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { traffic as sayTraffic } from '../../src/rollout/say.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { bob, drive, mood, start } from './drive.ts';
import { planOf } from './places.ts';

const testers = [{ headers: { 'x-canary': { exact: 'true' } } }];
const header = { type: 'setHeaderRoute', match: testers };
const mirror = { type: 'setMirrorRoute', percentage: 10 };
const blueGreen = planOf([header, { type: 'bake', duration: '60s' }, { type: 'promote', bake: '60s' }]);
const wanted = { kind: 'header', name: 'header', match: testers };

type Driven = ReturnType<typeof drive>;

/** A preview in its bake: no share, one tester in twenty requests. */
async function previewing(plan = blueGreen) {
  const driven = drive({ plan });
  driven.world.observed = 5;
  await driven.turn();
  return driven;
}

describe('a header route', () => {
  it('gives the canary what matches and no share, and says so before and after', async () => {
    const driven = await previewing();
    expect(driven.world.writes).toEqual([{ share: 0, end: false, managed: [wanted] }]);
    expect(driven.world.rollout.traffic).toMatchObject({
      applied: 0,
      managed: { desired: [wanted], applied: ['header'] },
    });
    const told = driven.world.events.filter(({ type }) => type.startsWith('route.'));
    expect(told.map(({ type, message }) => [type, message])).toEqual([
      [
        'route.intended',
        'Route canaryd-header to be put in place: requests with x-canary: true go to v2 (canary).',
      ],
      [
        'route.applied',
        'Managed routes now: canaryd-header, read back: all traffic on v1 (stable); requests with x-canary: true go to v2 (canary).',
      ],
    ]);
  });

  it('is judged at 0 % as any bake is, goes to 100 % in one step, and is gone at the end', async () => {
    const driven = await previewing();
    await driven.run(400);
    expect(driven.status()).toBe('succeeded');
    const shares = driven.world.writes.map(({ share, end }) => [share, end]);
    expect(shares).toEqual([
      [0, false],
      [100, false],
      [100, true],
    ]);
    expect(driven.world.managedRoutes).toEqual([]);
  });

  it('is taken away at once when what it brings fails, with the share where it was', async () => {
    const driven = await previewing();
    driven.canary(mood.failing);
    await driven.run(120);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world).toMatchObject({ share: 0, managedRoutes: [] });
    expect(driven.types()).toContain('route.applied');
    expect(driven.lastMessage()).toContain('all traffic on v1 (stable)');
  });

  it('still goes back when the bake after the promotion breaches', async () => {
    const driven = await previewing();
    while (driven.world.share < 100) await driven.run(5);
    driven.canary(mood.failing);
    await driven.run(120);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world).toMatchObject({ share: 0, managedRoutes: [] });
  });

  it('does not lead to 100 % without proof that is fresh', async () => {
    const steps = [header, { type: 'bake', duration: '60s' }, { type: 'pause' }, { type: 'promote' }];
    const driven = await previewing(planOf(steps));
    while (driven.status() !== 'paused') await driven.run(5);
    driven.canary(mood.none);
    driven.world.observed = 0;
    await driven.run(60);
    driven.say({ action: 'resume' });
    await driven.run(30);
    expect(driven.world.share).toBe(0);
    expect(driven.status()).toBe('holding');
  });

  it('keeps standing beside a share, and goes when its step says so', async () => {
    const steps = [
      header,
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '60s' },
      { type: 'setHeaderRoute', remove: true },
      { type: 'promote' },
    ];
    const driven = drive({ plan: planOf(steps) });
    await driven.run(5);
    expect(driven.world).toMatchObject({ share: 5, managedRoutes: ['header'] });
    await driven.run(100);
    expect(driven.status()).toBe('succeeded');
    expect(driven.world.writes.map(({ share, managed }) => [share, managed?.length])).toEqual([
      [0, 1],
      [5, 1],
      [5, 0],
      [100, undefined],
    ]);
  });

  it('that somebody else took away stops for a person, and resume writes it anew', async () => {
    const driven = await previewing();
    driven.world.managedRoutes = [];
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    expect(driven.lastMessage()).toContain('there are none where canaryd wants canaryd-header');
    driven.say({ action: 'resume' });
    await driven.run(10);
    expect(driven.world.managedRoutes).toEqual(['header']);
    expect(driven.status()).toBe('running');
  });

  it('of somebody else stops for a person, and resume takes it away', async () => {
    const driven = await previewing();
    driven.world.managedRoutes = ['header', 'mine'];
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    driven.say({ action: 'resume' });
    await driven.run(10);
    expect(driven.world.managedRoutes).toEqual(['header']);
  });

  it('that somebody else edited stops for a person, and resume writes it anew', async () => {
    const driven = await previewing();
    driven.world.changedRoutes = ['header'];
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    expect(driven.lastMessage()).toContain(
      'Somebody else changed the managed routes: what canaryd-header matches, or where that goes, is not what canaryd wrote, or no longer fits the route that follows; resume writes them anew',
    );
    expect(sayTraffic(driven.world.rollout)).toContain(
      'route canaryd-header is not as canaryd wrote it and may send other requests to v2 (canary)',
    );
    expect(driven.world.rollout.traffic.managed.changed).toEqual(['header']);
    const paused = driven.world.events.length;
    await driven.run(30);
    expect(driven.world.events).toHaveLength(paused);
    driven.say({ action: 'resume' });
    await driven.run(1);
    expect(driven.world.writes.at(-1)).toEqual({ share: 0, end: false, managed: [wanted] });
    expect(driven.world.rollout.traffic.managed).toEqual({ desired: [wanted], applied: ['header'] });
    expect(driven.types()).toContain('route.applied');
    await driven.run(10);
    expect(driven.status()).toBe('running');
  });

  it('that somebody else edited goes with the rollback as any other', async () => {
    const driven = await previewing();
    driven.world.changedRoutes = ['header'];
    await driven.run(10);
    driven.say({ action: 'rollback', reason: 'who was that' });
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world).toMatchObject({ managedRoutes: [], changedRoutes: [] });
    expect(driven.world.rollout.traffic.managed).toEqual({ desired: [], applied: [] });
  });

  it('that was edited and mended by hand is written anew by the resume all the same', async () => {
    const driven = await previewing();
    driven.world.changedRoutes = ['header'];
    await driven.run(10);
    driven.world.changedRoutes = [];
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    driven.say({ action: 'resume' });
    await driven.run(10);
    expect(driven.world.writes.at(-1)?.managed).toEqual([wanted]);
    expect(driven.status()).toBe('running');
  });

  it('counts what was measured while it was another one for nothing', async () => {
    const driven = await previewing();
    await driven.run(50);
    driven.world.changedRoutes = ['header'];
    await driven.run(10);
    driven.say({ action: 'resume' });
    await driven.run(1);
    expect(driven.world.rollout.traffic.appliedAt).toBeGreaterThan(driven.world.now - 10_000);
    await driven.run(40);
    expect(driven.world.share).toBe(0);
  });

  it('that is being rewritten by its step is not taken for somebody else’s', async () => {
    const other = [{ headers: { 'x-team': { exact: 'pay' } } }];
    const steps = [
      header,
      { type: 'bake', duration: '60s' },
      { ...header, match: other },
      { type: 'bake', duration: '60s' },
      { type: 'promote' },
    ];
    const driven = await previewing(planOf(steps));
    while (driven.world.writes.length < 2) await driven.run(1, { write: { kind: 'conflict' } });
    driven.world.changedRoutes = ['header'];
    await driven.run(1, { write: { kind: 'conflict' } });
    expect(driven.status()).toBe('running');
    await driven.run(10);
    expect(driven.types()).not.toContain('rollout.paused');
    expect(driven.world.rollout.traffic.managed.desired).toMatchObject([{ match: other }]);
    expect(driven.world.rollout.traffic.managed.changed).toBeUndefined();
  });

  it('whose write had no answer is told as found, and the rollout goes on', async () => {
    const driven = drive({ plan: blueGreen });
    driven.world.observed = 5;
    await driven.turn({ write: 'lost' });
    expect(driven.world.rollout.traffic.managed.applied).toEqual([]);
    await driven.run(5);
    expect(driven.world.rollout.traffic.managed.applied).toEqual(['header']);
    expect(driven.types().filter((type) => type.startsWith('route.'))).toEqual([
      'route.intended',
      'route.applied',
    ]);
  });

  it('that an earlier rollout left behind is taken away by the first write', async () => {
    const driven = drive({
      plan: planOf([
        { type: 'setWeight', weight: 5 },
        { type: 'bake', duration: '60s' },
        { type: 'promote' },
      ]),
    });
    driven.world.managedRoutes = ['old'];
    driven.canary(mood.none);
    await driven.turn();
    expect(driven.world).toMatchObject({ share: 5, managedRoutes: [] });
  });

  it('is taken from a canary that was changed under it', async () => {
    const driven = await previewing();
    driven.images.canary = {
      kind: 'known',
      pods: [{ templateHash: 'other', ready: true, digests: { app: 'sha256:other' } }],
    };
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    expect(driven.world.managedRoutes).toEqual([]);
    driven.say({ action: 'resume' });
    await driven.run(5);
    expect(driven.world.managedRoutes).toEqual(['header']);
  });

  it('goes with a rollback by a person, and the rollback ends only when it is gone', async () => {
    const driven = await previewing();
    driven.say({ action: 'rollback', reason: 'testers see old prices' });
    await driven.turn({ write: { kind: 'unavailable', reason: 'forbidden', why: '403' } });
    expect(driven.status()).toBe('rolling_back');
    expect(driven.world.managedRoutes).toEqual(['header']);
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.managedRoutes).toEqual([]);
  });
});

describe('a mirror route', () => {
  it('stands beside the share, and the end takes it away', async () => {
    const steps = [
      mirror,
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '60s' },
      { type: 'promote' },
    ];
    const driven = drive({ plan: planOf(steps) });
    await driven.run(5);
    expect(driven.world.writes[0]).toEqual({
      share: 0,
      end: false,
      managed: [{ kind: 'mirror', name: 'mirror', match: null, percentage: 10 }],
    });
    expect(driven.world).toMatchObject({ share: 5, managedRoutes: ['mirror'] });
    await driven.run(100);
    expect(driven.status()).toBe('succeeded');
    expect(driven.world.managedRoutes).toEqual([]);
  });
});

describe('a header route that canaryd does not know to stand', () => {
  it.each([
    ['a pause', (driven: Driven) => driven.say({ action: 'pause' })],
    [
      'a hold order',
      (driven: Driven) => {
        driven.world.order = { id: 'ho_1', cluster: null, namespace: null, by: bob, reason: null, at: start };
      },
    ],
  ])('because its answer was lost and %s came, is watched all the same', async (_, come) => {
    const driven = drive({ plan: blueGreen });
    driven.world.observed = 5;
    await driven.turn({ write: 'lost' });
    come(driven);
    driven.canary(mood.failing);
    await driven.run(300);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.managedRoutes).toEqual([]);
  });

  it('because somebody took it away and put it back, is watched all the same', async () => {
    const driven = await previewing();
    driven.world.managedRoutes = [];
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    driven.world.managedRoutes = ['header'];
    driven.canary(mood.failing);
    await driven.run(300);
    expect(driven.status()).toBe('rolled_back');
  });

  it('is written again where a change of it did not land before a pause', async () => {
    const everybody = [{ headers: { 'x-canary': { regex: '.*' } } }];
    const steps = [
      header,
      { type: 'bake', duration: '60s' },
      { ...header, match: everybody },
      { type: 'bake', duration: '60s' },
      { type: 'promote' },
    ];
    const driven = await previewing(planOf(steps));
    const refused = { kind: 'ambiguous' as const, why: 'reset' };
    while (driven.world.rollout.traffic.intent === null) await driven.run(5, { write: refused });
    driven.say({ action: 'pause' });
    // What stands there is still the old one.
    await driven.turn({ view: { changedRoutes: ['header'] } });
    driven.say({ action: 'resume' });
    const before = driven.world.writes.length;
    await driven.turn({ view: { changedRoutes: ['header'] } });
    expect(driven.world.writes.slice(before)[0]).toMatchObject({
      managed: [{ name: 'header', match: everybody }],
    });
  });
});

describe('a plan with managed routes', () => {
  const faultsOf = (steps: unknown[]) => {
    const parsed = Plan.safeParse({ name: 'test', steps });
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => [path.join('/'), message]);
  };
  const rest = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '60s' }, { type: 'promote' }];

  it.each([
    [
      'a header route that matches nothing',
      [{ type: 'setHeaderRoute' }],
      'steps/0/match',
      'say which requests',
    ],
    ['a removal that matches something', [{ ...header, remove: true }], 'steps/0/match', 'taken away'],
    [
      'a removal of what is not there',
      [{ type: 'setMirrorRoute', remove: true }],
      'steps/0/name',
      'no managed route "mirror"',
    ],
    [
      'two kinds under one name',
      [header, { type: 'setMirrorRoute', name: 'header' }],
      'steps/1/name',
      'choose another name',
    ],
    ['a route behind a mirror of everything', [mirror, header], 'steps/1/name', 'takes every request'],
    [
      'a bake that only a mirror feeds',
      [mirror, { type: 'bake', duration: '60s' }],
      'steps/1',
      'mirrored requests are not measured',
    ],
  ])('refuses %s, and names the field', (_, steps, path, message) => {
    expect(faultsOf([...steps, ...rest])).toContainEqual([path, expect.stringContaining(message)]);
  });

  it('takes cookies, methods and paths, exact, by prefix and by regular expression', () => {
    const match = [
      { cookies: { beta: { exact: '1' } }, method: { exact: 'GET' } },
      { uri: { prefix: '/v2/' }, headers: { 'x-team': { regex: 'pay.*' } } },
    ];
    expect(faultsOf([{ type: 'setHeaderRoute', match }, ...rest])).toEqual([]);
  });
});

describe('a rollout that an older version stored', () => {
  it('has no managed routes', () => {
    const { managed: _, ...traffic } = drive().world.rollout.traffic;
    const stored = JSON.parse(JSON.stringify({ ...drive().world.rollout, id: rolloutId(1), traffic }));
    expect(Rollout.parse(stored).traffic.managed).toEqual({ desired: [], applied: [] });
  });
});
