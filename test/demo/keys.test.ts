import { describe, expect, it } from 'vitest';
import { screenStateOf } from '../../demo/live/screen-state.ts';
import { event, fakeWorld } from './fake-world.ts';

const look = { look: { colour: false, ascii: false }, access: ['export TOKEN=secret'] };

async function underway() {
  const fake = fakeWorld();
  await fake.session.press('n');
  fake.done.length = 0;
  return fake;
}

describe('the keys of the demo, during a release', () => {
  it.each([
    ['s', 'break v2 slow', 'You broke v2: one answer in a hundred takes over 3 s.'],
    ['f', 'break v2 failing', 'You broke v2: 12 % of its answers are 5xx.'],
    ['k', 'break v2 dead', 'You broke v2: none of its pods is ready.'],
    ['b', 'freeze', 'You broke Prometheus: its process stands still.'],
    ['p', 'pause', 'You asked for it: pause.'],
    ['r', 'rollback', 'You asked for it: rollback.'],
  ])('%s does what it says, and says that it did', async (key, done, words) => {
    const { session, done: all, lastWords } = await underway();
    expect(await session.press(key)).toBe(false);
    expect(all).toEqual([done]);
    expect(lastWords()).toBe(words);
  });

  it.each([
    ['s', 'heal v2 slow'],
    ['f', 'heal v2 failing'],
    ['k', 'heal v2 dead'],
    ['b', 'thaw'],
  ])('%s mends what it broke when it is pressed again', async (key, done) => {
    const { session, done: all } = await underway();
    await session.press(key);
    await session.press(key);
    expect(all[1]).toBe(done);
    expect(screenStateOf(session.memory(), look, 0).broken).toEqual([]);
  });

  it('p resumes what is paused', async () => {
    const { session, done, become } = await underway();
    await become({ status: 'paused', allowedActions: ['resume', 'rollback'] });
    await session.press('p');
    expect(done).toEqual(['resume']);
  });

  it('a waits for the end: policies were read before the start', async () => {
    const { session, done, lastWords } = await underway();
    await session.press('a');
    expect(done).toEqual([]);
    expect(lastWords()).toBe(
      'a (break policy) makes no sense now: policies are read before a release starts, and this one has.',
    );
  });

  it('n waits for the end', async () => {
    const { session, done, lastWords } = await underway();
    await session.press('n');
    expect(done).toEqual([]);
    expect(lastWords()).toBe('n (next release) makes no sense now: a release is under way: r rolls it back.');
  });

  it('a key that does not exist says so', async () => {
    const { session, lastWords } = await underway();
    await session.press('x');
    expect(lastWords()).toBe('There is no key x: the keys are at the bottom.');
  });

  it('c shows how to reach canaryd, and hides it again: nobody sees the token who did not ask', async () => {
    const { session } = await underway();
    expect(screenStateOf(session.memory(), look, 0).access).toEqual([]);
    await session.press('c');
    expect(screenStateOf(session.memory(), look, 0).access).toEqual(['export TOKEN=secret']);
    await session.press('c');
    expect(screenStateOf(session.memory(), look, 0).access).toEqual([]);
  });

  it('q quits', async () => expect(await (await underway()).session.press('q')).toBe(true));
});

describe('the keys of the demo, after a release', () => {
  it.each(['s', 'f', 'k', 'p', 'r'])('%s says that there is nothing to do it to', async (key) => {
    const { session, done, become, lastWords } = await underway();
    await become({ status: 'rolled_back', allowedActions: [] });
    await session.press(key);
    expect(done).toEqual([]);
    expect(lastWords()).toMatch(/makes no sense now: the release has ended: n starts the next one[.]$/);
  });

  it('n tries the same version again, healed, when it was rolled back', async () => {
    const { session, done, become, lastWords } = await underway();
    await session.press('s');
    await become({ status: 'rolled_back', allowedActions: [] });
    await session.press('n');
    expect(done.slice(1)).toEqual(['heal v1 all', 'heal v2 all', 'heal v3 all', 'create v2']);
    expect(lastWords()).toBe('You started a release: v1 to v2. Every version is healthy again.');
  });

  it('n goes on with the next version when it succeeded, round and round', async () => {
    const { session, done, become, canaryd } = await underway();
    for (const winner of ['v2', 'v3', 'v1']) {
      await become({ status: 'succeeded' });
      canaryd.release = { ...canaryd.release, versions: { stable: winner, canary: '' } };
      await session.press('n');
    }
    expect(done.filter((one) => one.startsWith('create'))).toEqual(['create v3', 'create v1', 'create v2']);
  });

  it('a leaves the canary out of a policy, across the start of a release, until it is pressed again', async () => {
    const { session, done, become, lastWords } = await underway();
    await become({ status: 'rolled_back', allowedActions: [] });
    await session.press('a');
    expect(lastWords()).toBe(
      'You broke a policy: AuthorizationPolicy allow-callers-of-payment-service selects v1 only. n shows what canaryd makes of it.',
    );
    await session.press('n');
    await become({ status: 'preflight_failed', allowedActions: [] });
    expect(screenStateOf(session.memory(), look, 0).broken).toEqual([
      'AuthorizationPolicy allow-callers-of-payment-service selects v1 only: canaryd starts no release that would lose its callers. a mends it.',
    ]);
    await session.press('a');
    expect(done.filter((one) => one.startsWith('callers'))).toEqual([
      'callers reach v1',
      'callers reach all',
    ]);
    expect(screenStateOf(session.memory(), look, 0).broken).toEqual([]);
  });

  it('a release that is going back takes no new fault', async () => {
    const { session, become, lastWords } = await underway();
    await become({ status: 'rolling_back', allowedActions: [] });
    await session.press('f');
    expect(lastWords()).toBe('f (fail) makes no sense now: the release is going back already.');
  });
});

describe('a canaryd that says no', () => {
  it('is quoted with the sentence of its problem', async () => {
    const { session, canaryd, lastWords } = await underway();
    canaryd.refusal = { status: 409, text: '{"detail":"It is rolling back."}' };
    await session.press('r');
    expect(lastWords()).toBe('canaryd refused to rollback: It is rolling back.');
  });

  it('is quoted as it is when its answer is no problem', async () => {
    const { session, canaryd, lastWords } = await underway();
    canaryd.refusal = { status: 502, text: 'Bad Gateway' };
    await session.press('p');
    expect(lastWords()).toBe('canaryd refused to pause: Bad Gateway');
  });

  it('leaves the keys alive when it does not answer at all', async () => {
    const { session, canaryd, lastWords } = await underway();
    canaryd.isDown = true;
    await session.press('r');
    expect(lastWords()).toBe('canaryd does not answer: fetch failed');
    expect(screenStateOf(session.memory(), look, 0).notice).toBe('canaryd does not answer: fetch failed');
    canaryd.isDown = false;
    await session.look();
    expect(screenStateOf(session.memory(), look, 0).notice).toBeNull();
  });

  it('does not keep the next release from being started later', async () => {
    const fake = fakeWorld();
    fake.canaryd.isDown = true;
    await fake.session.press('n');
    expect(fake.lastWords()).toBe('canaryd did not take the release: fetch failed');
    fake.canaryd.isDown = false;
    await fake.session.press('n');
    expect(fake.lastWords()).toBe('You started a release: v1 to v2.');
  });
});

describe('what the screen says of a broken Prometheus', () => {
  it('names what canaryd does meanwhile, and for how long it lasts', async () => {
    const { session, now } = await underway();
    await session.press('b');
    const state = screenStateOf(session.memory(), look, now.ms + 42_000);
    expect(state.broken).toEqual([
      'Prometheus stands still for 0:42: canaryd holds the weight, pages at 3 min without metrics and rolls back at 15 min. b mends it.',
    ]);
    expect(state.keys.find(({ key }) => key === 'b')?.label).toBe('mend Prometheus');
  });

  it('says that nobody is on the canary when nobody is', async () => {
    const { session, become, now } = await underway();
    await become({ status: 'rolled_back', weight: { desired: 0, applied: 0 } });
    await session.press('b');
    expect(screenStateOf(session.memory(), look, now.ms).broken[0]).toContain('moves nobody to a canary');
  });
});

describe('what canaryd decided', () => {
  it('is told in its words, each once, between what was done here, in the order of time', async () => {
    const { session, events, now } = await underway();
    events.push(event(1, 'rollout.scheduled', '05:46:00'), event(2, 'step.started', '05:46:01'));
    await session.look();
    now.ms += 2000;
    await session.press('s');
    events.push(event(3, 'check.failed', '05:46:01'), event(4, 'rollout.rolling_back', '05:46:04'));
    await session.look();
    await session.look();
    expect(session.memory().decisions.map(({ text }) => text)).toEqual([
      'You started a release: v1 to v2.',
      'step.started.',
      'check.failed.',
      'You broke v2: one answer in a hundred takes over 3 s.',
      'rollout.rolling_back.',
    ]);
  });

  it('is measured once for each poll', async () => {
    const { session, become, canaryd } = await underway();
    await session.look();
    await session.look();
    expect(session.memory().polls).toHaveLength(1);
    const checks = canaryd.release.checks.map((check) => ({
      ...check,
      measuredAt: '2026-11-23T05:46:05.000Z',
    }));
    await become({ checks });
    expect(session.memory().polls.map(({ at }) => at)).toEqual([
      '2026-11-23T05:46:03.000Z',
      '2026-11-23T05:46:05.000Z',
    ]);
  });
});
