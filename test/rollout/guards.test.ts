import { describe, expect, it } from 'vitest';
import type { Readiness } from '../../src/rollout/ports/mesh.ts';
import type { Cause } from '../../src/rollout/reasons.ts';
import type { State } from '../../src/rollout/state.ts';
import type { ArmTraffic } from '../fakes/arm-traffic.ts';
import { baking, drive, mood, noneReady, start } from './drive.ts';
import { type Driven, everyPlace, places, planOf, polls } from './places.ts';

const known = (ready: number, total: number): Readiness => ({ kind: 'known', ready, total });
const unreadable = { kind: 'unavailable', reason: 'timeout', why: 'no answer' } as const;
const watched = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '60s' }, { type: 'promote' }];

function causeOf({ world }: Driven): Cause | null {
  const { state } = world.rollout;
  return 'cause' in state ? state.cause : null;
}

function holdOf({ world }: Driven): Extract<State, { kind: 'holding' }>['reason'] | null {
  const { state } = world.rollout;
  return state.kind === 'holding' ? state.reason : null;
}

const secondsOf = ({ world }: Driven) => (world.now - start) / 1000;
const count = (driven: Driven, wanted: string) => driven.types().filter((type) => type === wanted).length;

describe('a check that fails', () => {
  const failing = { ...mood.healthy, errorRatio: 0.05 };

  it.each(everyPlace)('rolls a %s rollout back at the second failing poll in a row', async (place) => {
    const driven = await places[place]();
    driven.canary(failing);
    await polls(driven, 1);
    expect(driven.status()).toBe(place);
    await polls(driven, 1);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(causeOf(driven)).toMatchObject({ kind: 'check', check: 'errorRate', value: 0.05, failures: 2 });
  });

  it.each(everyPlace)('rolls a slow %s rollout back the same way', async (place) => {
    const driven = await places[place]();
    driven.canary(mood.slow);
    await polls(driven, 2);
    expect(causeOf(driven)).toMatchObject({ kind: 'check', check: 'p99', value: 5000, limit: 2000 });
  });

  it('needs no warm-up: the first poll after a raise may already count', async () => {
    const driven = await baking();
    driven.canary(failing);
    await driven.run(20);
    expect([driven.status(), secondsOf(driven)]).toEqual(['rolled_back', 20]);
  });

  it('takes as many polls as its plan says', async () => {
    const driven = await places.running({ checks: { errors: { metric: 'errorRate', failures: 4 } } });
    driven.canary(failing);
    await polls(driven, 3);
    expect(driven.status()).toBe('running');
    await polls(driven, 1);
    expect(driven.status()).toBe('rolled_back');
  });

  it('starts to count anew after a pass', async () => {
    const driven = await places.running();
    for (const canary of [failing, mood.healthy, failing, mood.healthy]) {
      driven.canary(canary);
      await polls(driven, 1);
    }
    expect(driven.status()).toBe('running');
  });

  it('is not saved by a poll that says nothing in between', async () => {
    const driven = await places.running();
    for (const canary of [failing, mood.tooFew, failing]) {
      driven.canary(canary);
      await polls(driven, 1);
    }
    expect(causeOf(driven)).toMatchObject({ kind: 'check', failures: 2 });
  });

  it('says value, unit, limit, requests and where traffic went', async () => {
    const driven = await places.running();
    driven.canary(failing);
    await polls(driven, 2);
    expect(driven.lastMessage()).toBe(
      'Rolled back: all traffic on v1 (stable); 5xx ratio of the canary was 5 %, above the limit of 1 %, 2 times in a row (check errorRate; 1000 requests in 60 s, stable 0 %).',
    );
  });
});

describe('a P99 in the bucket of its limit', () => {
  /** Interpolated between 1000 and 2500 ms, beside a limit of 2000 ms. */
  const guessed = { ...mood.healthy, p99Ms: 2200 };

  it('with nothing to compare with sends a canary at 100 % back, and shows the bucket', async () => {
    const driven = await places.promoting();
    driven.stable(mood.idle);
    driven.canary(guessed);
    await polls(driven, 2);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(causeOf(driven)).toMatchObject({ stable: null, bucket: { lowerMs: 1000, upperMs: 2500 } });
    expect(driven.lastMessage()).toContain(
      'was 2200 ms (between 1000 and 2500 ms), above the limit of 2000 ms, 2 times in a row',
    );
    expect(driven.lastMessage()).toContain('stable gave nothing to compare with');
  });

  it('sends back when it is also worse than stable, and shows the bucket', async () => {
    const driven = await places.running();
    driven.canary(guessed);
    await polls(driven, 2);
    expect(causeOf(driven)).toMatchObject({ check: 'p99', bucket: { lowerMs: 1000, upperMs: 2500 } });
    expect(driven.lastMessage()).toContain(
      'was 2200 ms (between 1000 and 2500 ms), above the limit of 2000 ms, 2 times in a row',
    );
  });
});

describe('severe errors', () => {
  const patient = { checks: { errors: { metric: 'errorRate', failures: 100 } } };

  it.each(
    everyPlace,
  )('send a %s rollout back at the second stretch, whatever its checks allow', async (place) => {
    const driven = await places[place](patient);
    driven.canary({ ...mood.failing, requests: 600 });
    await polls(driven, 1);
    expect(driven.status()).toBe(place);
    await polls(driven, 1);
    expect(causeOf(driven)).toEqual({ kind: 'severeErrors', value: 0.5, limit: 0.25, requests: 100 });
  });

  it('do not send it back at 25 %', async () => {
    const driven = await places.running(patient);
    driven.canary({ ...mood.failing, requests: 1200, errorRatio: 0.25 });
    await polls(driven, 20);
    expect(driven.status()).toBe('running');
  });

  it('do not send it back when stable is as bad', async () => {
    const driven = await places.running(patient);
    driven.canary(mood.failing);
    driven.stable(mood.failing);
    await polls(driven, 20);
    expect(driven.status()).toBe('holding');
  });
});

describe('a canary without a ready pod', () => {
  it.each(everyPlace)('sends a %s rollout back at the second poll', async (place) => {
    const driven = await places[place]();
    driven.pods.canary = noneReady;
    await polls(driven, 1);
    expect(driven.world.share).toBeGreaterThan(0);
    await polls(driven, 1);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(causeOf(driven)).toEqual({
      kind: 'canaryUnreachable',
      evidence: { kind: 'noReadyPod', ready: 0, total: 3, polls: 2 },
    });
  });

  it('is not sent back when a pod is ready again in time', async () => {
    const driven = await places.running();
    for (const canary of [noneReady, known(1, 3), noneReady, known(3, 3)]) {
      driven.pods.canary = canary;
      await polls(driven, 1);
    }
    expect(driven.status()).toBe('running');
  });

  it('is never assumed when the pods may not be read', async () => {
    const driven = await places.running();
    driven.pods.canary = { kind: 'unknown', why: 'may not list pods' };
    await polls(driven, 20);
    expect(driven.status()).toBe('running');
  });

  it('gets no first weight, and gets it once a pod is ready', async () => {
    const driven = drive();
    driven.pods.canary = noneReady;
    await driven.run(60);
    expect([driven.status(), driven.world.writes]).toEqual(['holding', []]);
    driven.pods.canary = known(1, 3);
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('gets no raise and no end while it has none', async () => {
    const driven = await baking();
    await driven.run(60);
    driven.pods.canary = noneReady;
    await driven.run(10);
    expect([driven.world.share, holdOf(driven)]).toEqual([5, { kind: 'canaryNotReady', total: 3 }]);
  });
});

describe('a canary that gets less than a quarter of its requests', () => {
  /** 5 % beside 19000 requests on stable: 1000 to expect, 250 a quarter of it. */
  const at = (requests: number) => ({ ...mood.healthy, requests });

  it.each([
    'running',
    'holding',
    'paused',
  ] as const)('sends a %s rollout back at the third poll on a full window', async (place) => {
    const driven = await places[place]();
    driven.stable(at(19_000));
    driven.canary(at(249));
    await driven.run(79);
    expect(driven.world.share).toBe(5);
    await driven.run(1);
    expect([driven.status(), secondsOf(driven)]).toEqual(['rolled_back', 90]);
    expect(causeOf(driven)).toEqual({
      kind: 'canaryUnreachable',
      evidence: { kind: 'missingRequests', requests: 249, expected: 1000, polls: 3 },
    });
  });

  it('is not sent back at a quarter', async () => {
    const driven = await places.running();
    driven.stable(at(19_000));
    driven.canary(at(250));
    await polls(driven, 20);
    expect(driven.status()).toBe('running');
  });

  it.each<[string, ArmTraffic, ArmTraffic, number]>([
    ['starts to count anew after a poll with its requests', at(19_000), at(1000), 3],
    ['starts to count anew after a poll with too few to expect', at(379), at(0), 3],
    ['goes on to count after a poll that says nothing', mood.unavailable, at(0), 1],
  ])('is counted in a row: %s', async (_name, ...[stable, canary, more]) => {
    const driven = await places.running();
    const missing = { stable: at(19_000), canary: at(249) };
    await driven.run(60);
    for (const poll of [
      missing,
      missing,
      { stable, canary },
      ...Array.from({ length: more }, () => missing),
    ]) {
      expect(driven.world.share).toBe(5);
      driven.stable(poll.stable);
      driven.canary(poll.canary);
      await polls(driven, 1);
    }
    expect(causeOf(driven)).toMatchObject({ evidence: { kind: 'missingRequests', polls: 3 } });
  });

  it('is sent back when metrics do not know it at all', async () => {
    const driven = await places.running();
    driven.stable(at(19_000));
    driven.canary(mood.none);
    await driven.run(80);
    expect(causeOf(driven)).toMatchObject({ evidence: { requests: 0, expected: 1000 } });
  });

  it('is not sent back where chance alone could explain it', async () => {
    const driven = await places.running();
    driven.stable(at(370));
    driven.canary(mood.idle);
    await polls(driven, 20);
    expect(holdOf(driven)).toMatchObject({ kind: 'noTraffic' });
  });
});

describe('errors at the callers that name no version', () => {
  const at = (value: number) => ({ kind: 'value', value, requests: 2000 }) as const;

  it.each(everyPlace)('send a %s rollout back after as many polls as its error check', async (place) => {
    const driven = await places[place]();
    driven.metrics.setUnattributed(at(0.02));
    await polls(driven, 1);
    expect(driven.status()).toBe(place);
    await polls(driven, 1);
    expect(causeOf(driven)).toEqual({
      kind: 'unattributedErrors',
      value: 0.02,
      limit: 0.01,
      requests: 2000,
      failures: 2,
    });
  });

  it('are judged by the error limit of the plan: at it they are fine', async () => {
    const driven = await places.running();
    driven.metrics.setUnattributed(at(0.01));
    await polls(driven, 10);
    expect(driven.status()).toBe('running');
  });

  it('are not judged by a plan without an error limit', async () => {
    const driven = await places.running({ checks: { p99: { metric: 'p99LatencyMs' } } });
    driven.metrics.setUnattributed(at(0.5));
    await polls(driven, 10);
    expect(driven.status()).toBe('running');
  });
});

describe('metrics that are missing', () => {
  // The last good poll is at 10 s.
  it.each(['running', 'promoting'] as const)('hold a %s rollout at the next poll', async (place) => {
    const driven = await places[place]();
    driven.metrics.breakDown('connection refused');
    await polls(driven, 1);
    expect(holdOf(driven)).toEqual({
      kind: 'metricsMissing',
      why: 'connection refused',
      since: start + 10_000,
    });
  });

  it.each(everyPlace)('page once, 3 minutes after the last good poll of a %s rollout', async (place) => {
    const driven = await places[place]();
    const begun = secondsOf(driven);
    driven.metrics.breakDown();
    await driven.run(179);
    expect(count(driven, 'page')).toBe(0);
    await driven.run(1);
    expect([count(driven, 'page'), secondsOf(driven) - begun]).toEqual([1, 180]);
    await driven.run(300);
    expect(count(driven, 'page')).toBe(1);
  });

  it.each(everyPlace)('send a %s rollout back after 15 minutes', async (place) => {
    const driven = await places[place]();
    const begun = secondsOf(driven);
    driven.metrics.breakDown('connection refused');
    await driven.run(899);
    expect(driven.world.share).toBeGreaterThan(0);
    await driven.run(1);
    expect([driven.status(), secondsOf(driven) - begun]).toEqual(['rolled_back', 900]);
    expect(causeOf(driven)).toEqual({ kind: 'metricsMissing', seconds: 900, why: 'connection refused' });
  });

  it('only page at 100 % when the plan says so', async () => {
    const driven = await places.promoting({ metricsDown: 'page' });
    driven.metrics.breakDown();
    await driven.run(3600);
    expect([driven.status(), driven.world.share, count(driven, 'page')]).toEqual(['holding', 100, 1]);
  });

  it('send it back below 100 % even when the plan says page', async () => {
    const driven = await places.running({ metricsDown: 'page' });
    driven.metrics.breakDown();
    await driven.run(900);
    expect(driven.status()).toBe('rolled_back');
  });

  it('are over after two good polls in a row, not after one', async () => {
    const driven = await places.running();
    driven.metrics.breakDown();
    await polls(driven, 3);
    driven.metrics.restore();
    await polls(driven, 1);
    expect(holdOf(driven)).toMatchObject({ why: 'one poll with good data so far, two are needed' });
    await polls(driven, 1);
    expect(driven.status()).toBe('running');
  });

  it('keep their clock through single good polls', async () => {
    const driven = await places.running();
    for (let round = 0; round < 45; round += 1) {
      driven.metrics.breakDown();
      await polls(driven, 1);
      driven.metrics.restore();
      await polls(driven, 1);
    }
    expect(causeOf(driven)).toMatchObject({ kind: 'metricsMissing', seconds: 900 });
  });

  it('are those of stable too: a canary alone proves nothing', async () => {
    const driven = await places.running();
    driven.stable(mood.unavailable);
    await polls(driven, 1);
    expect(holdOf(driven)).toMatchObject({ kind: 'metricsMissing' });
  });

  it('are those of the callers too: errors that name no version would go unseen', async () => {
    const driven = await places.running();
    driven.metrics.setUnattributed({ kind: 'unavailable', why: 'no answer in 3 s' });
    await polls(driven, 1);
    expect(holdOf(driven)).toMatchObject({ kind: 'metricsMissing', why: 'no answer in 3 s' });
    await driven.run(890);
    expect(causeOf(driven)).toEqual({ kind: 'metricsMissing', seconds: 900, why: 'no answer in 3 s' });
  });

  it('are not those of callers that have nothing to tell', async () => {
    const driven = await places.running();
    driven.metrics.setUnattributed({ kind: 'none' });
    await polls(driven, 1);
    expect(driven.status()).toBe('running');
  });

  it('cannot be missing before the canary has traffic', async () => {
    const driven = await baking({ plan: planOf([{ type: 'pause', duration: '1h' }, ...watched]) });
    driven.metrics.breakDown();
    await driven.run(3000);
    expect(driven.status()).toBe('running');
  });

  it('start their clock anew with traffic that starts anew', async () => {
    const driven = await places.running();
    driven.world.share = 0;
    await driven.run(3600);
    driven.world.share = 5;
    await driven.run(10);
    driven.say({ action: 'resume', drift: 'adopt' });
    driven.metrics.breakDown();
    await driven.run(60);
    expect([driven.world.share, driven.status()]).toEqual([5, 'holding']);
  });
});

describe('a breach that stable shares', () => {
  const slowBoth = async (place: keyof typeof places, over: object = {}) => {
    const driven = await places[place](over);
    driven.canary(mood.slow);
    driven.stable(mood.slow);
    return driven;
  };

  it('holds and says that the canary is not the cause', async () => {
    const driven = await slowBoth('running');
    await polls(driven, 1);
    expect(driven.lastMessage()).toBe(
      'Holding: P99 latency of the canary is 5000 ms, above the limit of 2000 ms, and stable no better with 5000 ms, since 10:00:20Z: the cause is not the canary (check p99; 1000 requests).',
    );
  });

  it.each(everyPlace)('sends a %s rollout back when it lasts 5 minutes', async (place) => {
    const driven = await slowBoth(place);
    const begun = secondsOf(driven);
    await driven.run(309);
    expect(driven.world.share).toBeGreaterThan(0);
    await driven.run(1);
    expect([driven.status(), secondsOf(driven) - begun]).toEqual(['rolled_back', 310]);
    expect(causeOf(driven)).toMatchObject({
      kind: 'environmentLimit',
      check: 'p99',
      value: 5000,
      seconds: 300,
    });
  });

  it('is forgotten when it ends, and never advances while it lasts', async () => {
    const driven = await slowBoth('running');
    await driven.run(290);
    driven.stable(mood.healthy);
    driven.canary(mood.healthy);
    await polls(driven, 1);
    expect([driven.status(), driven.world.rollout.watch.environmentSince]).toEqual(['running', null]);
  });

  it('is not hidden by metrics that are missing for another check', async () => {
    const driven = await slowBoth('running');
    await driven.run(20);
    const { rollout } = driven.world;
    driven.world.rollout = {
      ...rollout,
      watch: {
        ...rollout.watch,
        metricsMissing: { since: driven.world.now, goodPolls: 0, paged: false },
        environmentSince: driven.world.now - 300_000,
      },
    };
    await driven.turn();
    expect(causeOf(driven)).toMatchObject({ kind: 'environmentLimit' });
  });
});

describe('too little traffic on both arms', () => {
  it('holds, stops the clock of the step, and sends nobody back', async () => {
    const driven = await places.running();
    driven.canary({ ...mood.healthy, requests: 5 });
    driven.stable({ ...mood.healthy, requests: 100 });
    await driven.run(1800);
    expect(holdOf(driven)).toMatchObject({ kind: 'noTraffic', requests: 5, needed: 100 });
    driven.canary(mood.healthy);
    driven.stable(mood.healthy);
    await driven.run(1789);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    await driven.run(1);
    expect([driven.status(), secondsOf(driven)]).toEqual(['succeeded', 3600]);
  });

  it('ends at the deadline of the plan', async () => {
    const driven = await places.running();
    driven.canary(mood.idle);
    driven.stable(mood.idle);
    await driven.run(7180);
    expect(driven.status()).toBe('holding');
    await driven.run(10);
    expect(causeOf(driven)).toEqual({ kind: 'deadline', seconds: 7200 });
  });

  it('holds at 100 % too, where the canary itself must bring the requests', async () => {
    const driven = await places.promoting();
    driven.canary({ ...mood.healthy, requests: 99 });
    driven.stable(mood.idle);
    await driven.run(70);
    expect(holdOf(driven)).toMatchObject({ kind: 'noTraffic', requests: 99, expected: 99, needed: 100 });
  });

  it('does not stop a weight that a person asked for without proof', async () => {
    const driven = await baking();
    driven.canary({ ...mood.healthy, requests: 5 });
    driven.stable({ ...mood.healthy, requests: 100 });
    await driven.run(20);
    driven.say({ action: 'advance', override: ['checks'], reason: 'night' });
    await driven.run(1);
    expect(driven.world.share).toBe(20);
    await driven.run(20);
    expect(driven.status()).toBe('holding');
  });
});

describe('a stable that could not take the traffic back', () => {
  it.each<[string, Readiness, string]>([
    ['all pods ready', known(3, 3), 'running'],
    ['three of four ready', known(3, 4), 'running'],
    ['two of three ready', known(2, 3), 'holding'],
    ['none of three ready', known(0, 3), 'holding'],
    ['no pod at all', known(0, 0), 'holding'],
    ['pods that may not be read', { kind: 'unknown', why: 'may not list pods' }, 'running'],
  ])('decides whether a bake goes on: %s', async (_name, stable, status) => {
    const driven = await places.running();
    driven.pods.stable = stable;
    await polls(driven, 1);
    expect(driven.status()).toBe(status);
  });

  it('may be asked for more by the plan', async () => {
    const driven = await places.running({ stable: { minReady: 4 } });
    expect(holdOf(driven)).toEqual({ kind: 'stableNotReady', ready: 3, total: 3, needed: 4 });
  });

  it('keeps even the first weight from being written', async () => {
    const driven = drive();
    driven.pods.stable = known(1, 3);
    await driven.run(60);
    expect([driven.status(), driven.world.writes]).toEqual(['holding', []]);
  });
});

describe('a hold', () => {
  it('is said once, however long it lasts and whatever its numbers do', async () => {
    const driven = await places.running();
    driven.canary({ ...mood.healthy, requests: 5 });
    driven.stable({ ...mood.healthy, requests: 100 });
    await polls(driven, 5);
    driven.canary({ ...mood.healthy, requests: 6 });
    await polls(driven, 5);
    expect(count(driven, 'rollout.holding')).toBe(1);
    expect(holdOf(driven)).toMatchObject({ requests: 6 });
  });

  it('is said again when its reason is another one', async () => {
    const driven = await places.running();
    driven.pods.stable = known(1, 3);
    await polls(driven, 2);
    await driven.run(20, { view: unreadable });
    expect(count(driven, 'rollout.holding')).toBe(2);
    expect(count(driven, 'rollout.resumed')).toBe(0);
  });

  it('never counts as time of the step, and a rollback comes before any hold', async () => {
    const driven = await places.holding();
    driven.canary({ ...mood.healthy, errorRatio: 0.05 });
    await polls(driven, 2);
    expect(causeOf(driven)).toMatchObject({ kind: 'check' });
  });
});
