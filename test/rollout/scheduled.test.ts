import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import { obeyStored } from '../../src/rollout/obey-scheduled.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import { hasEnded, isScheduled, type StoredRollout, statusOf } from '../../src/rollout/rollout.ts';
import type { ScheduledRollout } from '../../src/rollout/scheduled.ts';
import {
  decideScheduled,
  inFrontOf,
  overtaken,
  type ScheduledSight,
  wantsTarget,
} from '../../src/rollout/start-scheduled.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import { aRollout, aScheduled, begun, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { planOf } from './places.ts';

const ana = { kind: 'person', name: 'ana' } as const;
const bob = { kind: 'person', name: 'bob' } as const;
const later = start + 3_600_000;
const day = 86_400_000;
const order: HoldOrder = {
  id: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
  cluster: null,
  namespace: null,
  by: bob,
  reason: 'card network is down',
  at: start,
};
const resolved = { kind: 'resolved', target: paymentTarget, scrapeSeconds: 5 } as const;
const missing = { kind: 'missing' } as const;
const inMidAir = {
  kind: 'shape',
  fault: { code: 'split-not-at-rest', path: 'spec.http[0].route', message: 'the split is 70/30' },
} as const;
const silent = { kind: 'unavailable', reason: 'timeout', why: 'no answer in time' } as const;
const second = rolloutId(2);

function sight(parts: Partial<ScheduledSight> = {}): ScheduledSight {
  return { order: null, namesakes: [], found: resolved, ...parts };
}

/** The second of two: the first one holds the VirtualService. */
function behindFirst(over: Partial<ScheduledRollout> = {}) {
  return { rollout: aScheduled({ id: second, ...over }), namesakes: [aRollout()] };
}

describe('the turn of a scheduled rollout', () => {
  it('gives the roles by the split as it stands then, and keeps who asked, when and for what', () => {
    const asked = aScheduled({ startAt: later, reason: 'CHG0041234', planVersion: 7 });
    const { rollout, events, nextAt } = decideScheduled(asked, sight(), later + 900);
    expect(begun(rollout)).toMatchObject({
      id: asked.id,
      revision: 2,
      state: { kind: 'preflight' },
      target: { stable: { version: 'v1' }, canary: { version: 'v2' } },
      requestedBy: ana,
      reason: 'CHG0041234',
      planVersion: 7,
      createdAt: start,
      scrapeSeconds: 5,
      schedule: { startAt: later, begunAt: later + 900 },
    });
    expect(events.map((row) => row.message)).toEqual(['Its turn has come: preflight of v1 to v2.']);
    expect(nextAt).toBe(later + 900);
  });

  it('that comes too early, as when a hold order wakes everybody, changes nothing', () => {
    const asked = aScheduled({ startAt: later });
    expect(decideScheduled(asked, sight({ order }), later - 1)).toEqual({
      rollout: asked,
      events: [],
      nextAt: later,
    });
    expect(wantsTarget(asked, { order: null, namesakes: [] }, later - 1)).toBe(false);
    expect(wantsTarget(asked, { order: null, namesakes: [] }, later)).toBe(true);
  });

  it('comes to nothing while a hold order stands, and says who placed it, once', () => {
    const first = decideScheduled(aScheduled(), sight({ order }), start);
    expect([statusOf(first.rollout), first.nextAt]).toEqual(['scheduled', start + 5000]);
    expect(first.events).toMatchObject([
      { type: 'rollout.waiting', message: expect.stringContaining('bob stopped every move forward') },
    ]);
    expect(statusReasonOf(first.rollout)).toBe('kill_switch');
    const again = decideScheduled(scheduled(first.rollout), sight({ order }), start + 5000);
    expect(again.events).toEqual([]);
    expect(wantsTarget(aScheduled(), { order, namesakes: [] }, start)).toBe(false);
  });

  it('behind another one waits when it may queue, tells who is in front once, and tells when that changes', () => {
    const { rollout, namesakes } = behindFirst();
    const first = decideScheduled(rollout, sight({ namesakes, found: null }), start);
    expect([statusOf(first.rollout), statusReasonOf(first.rollout)]).toEqual(['scheduled', 'queued']);
    expect(first.events.map((row) => row.message)).toEqual([
      `Not started yet, no traffic was moved: queued behind ${rolloutId(1)}.`,
    ]);
    const waiting = scheduled(first.rollout);
    expect(decideScheduled(waiting, sight({ namesakes }), start + 5000).events).toEqual([]);
    const other = sight({ namesakes: [aRollout({ id: rolloutId(0) })] });
    expect(decideScheduled(waiting, other, start + 9000).events).toHaveLength(1);
    expect(wantsTarget(waiting, { order: null, namesakes }, start + 5000)).toBe(false);
  });

  it('behind another one ends when it was not to queue, with who holds the VirtualService', () => {
    const { rollout, namesakes } = behindFirst({ onConflict: 'reject', startAt: later });
    const { rollout: after, events, nextAt } = decideScheduled(rollout, sight({ namesakes }), later);
    expect([statusOf(after), after.revision, nextAt, hasEnded(after)]).toEqual([
      'preflight_failed',
      2,
      null,
      true,
    ]);
    expect(events.map((row) => row.message)).toEqual([
      `Not started, no traffic was moved: rollout ${rolloutId(1)} holds payment-prod/payment-service, and this one was not to queue.`,
    ]);
  });

  it.each([
    ['queue', 'scheduled'],
    ['reject', 'preflight_failed'],
  ] as const)('when another one is faster by a hair: %s is %s', (onConflict, status) => {
    const { rollout, events } = overtaken(aScheduled({ onConflict }), second, start);
    expect(statusOf(rollout)).toBe(status);
    expect(events[0]?.message).toContain(second);
  });

  it.each([
    ['is not there', missing, 'there is no VirtualService payment-prod/payment-service'],
    ['is not at rest', inMidAir, 'spec.http[0].route: the split is 70/30'],
    ['cannot be read', silent, 'the VirtualService cannot be read: no answer in time'],
  ])('waits a minute for a target that %s, and then gives up', (_what, found, why) => {
    const first = decideScheduled(aScheduled(), sight({ found }), start);
    expect(first.events.map((row) => row.message)).toEqual([
      `Not started yet, no traffic was moved: ${why}.`,
    ]);
    expect(statusReasonOf(first.rollout)).toBe('target_unreadable');
    const patient = decideScheduled(scheduled(first.rollout), sight({ found }), start + 59_999);
    expect([statusOf(patient.rollout), patient.events]).toEqual(['scheduled', []]);
    const last = decideScheduled(scheduled(patient.rollout), sight({ found }), start + 60_000);
    expect(last.rollout.state).toEqual({ kind: 'preflightFailed', at: start + 60_000, why });
    expect(exitCodeOf(last.rollout)).toBe(6);
  });

  it('has its minute of patience anew once the target could be read in between', () => {
    const first = decideScheduled(aScheduled(), sight({ found: silent }), start);
    const held = decideScheduled(scheduled(first.rollout), sight({ order }), start + 50_000);
    const again = decideScheduled(scheduled(held.rollout), sight({ found: silent }), start + 70_000);
    expect(statusOf(again.rollout)).toBe('scheduled');
  });

  it('is given up a day after its time, whatever it waits for', () => {
    const { rollout, namesakes } = behindFirst({ startAt: later });
    const waiting = scheduled(decideScheduled(rollout, sight({ namesakes }), later).rollout);
    const just = decideScheduled(waiting, sight({ namesakes }), later + day - 1);
    expect(statusOf(just.rollout)).toBe('scheduled');
    const over = decideScheduled(waiting, sight({ namesakes }), later + day);
    expect(over.events.map((row) => row.message)).toEqual([
      `Not started, no traffic was moved: it could not begin within 24 h after its time; at last: queued behind ${rolloutId(1)}.`,
    ]);
    expect(wantsTarget(waiting, { order: null, namesakes: [] }, later + day)).toBe(false);
  });

  it('ends when the plan does not fit how often metrics are scraped by now', () => {
    const plan = planOf([{ type: 'promote', bake: '60s' }], {
      checks: { errors: { metric: 'errorRate', max: '1%', window: '30s' } },
    });
    const slow = { ...resolved, scrapeSeconds: 60 };
    const { rollout } = decideScheduled(aScheduled({ plan }), sight({ found: slow }), start);
    expect(statusOf(rollout)).toBe('preflight_failed');
  });
});

describe('in front of a rollout', () => {
  const queued = (number: number, over: Partial<ScheduledRollout> = {}) =>
    aScheduled({ id: rolloutId(number), ...over });
  const me = { id: rolloutId(3), onConflict: 'queue' } as const;

  it.each<[string, StoredRollout[], string | null]>([
    ['is nobody when it is alone', [queued(3)], null],
    ['is the one that holds the VirtualService', [aRollout()], rolloutId(1)],
    ['is the last one that queued before', [aRollout(), queued(2), queued(4)], rolloutId(2)],
    ['is one that queued before although nobody holds it', [queued(1), queued(2)], rolloutId(2)],
    ['is nobody whose time has not come', [queued(1, { startAt: later })], null],
    ['is nobody who would not queue', [queued(1, { onConflict: 'reject', startAt: start })], null],
  ])('%s', (_what, namesakes, expected) => {
    expect(inFrontOf(me, namesakes, start)).toBe(expected);
  });

  it('that does not queue is only the one that holds the VirtualService', () => {
    expect(inFrontOf({ ...me, onConflict: 'reject' }, [queued(1)], start)).toBeNull();
    expect(inFrontOf({ ...me, onConflict: 'reject' }, [queued(1), aRollout({ id: second })], start)).toBe(
      second,
    );
  });
});

describe('a command on a scheduled rollout', () => {
  it.each(['cancel', 'rollback'] as const)('%s ends it before anything was moved', (action) => {
    const obedience = obeyStored(aScheduled(), { action, reason: 'not today' }, bob, later);
    expect(obedience).toMatchObject({
      kind: 'obeyed',
      decision: {
        nextAt: null,
        rollout: { revision: 2, state: { kind: 'cancelled', at: later, by: bob, reason: 'not today' } },
        events: [
          {
            type: 'rollout.cancelled',
            actor: bob,
            message: 'Cancelled by bob before it began, no traffic was moved: not today.',
          },
        ],
      },
    });
  });

  it.each([
    'pause',
    'resume',
    'advance',
    'promote',
  ] as const)('%s is refused with what it takes', (action) => {
    expect(obeyStored(aScheduled(), { action }, bob, later)).toMatchObject({
      kind: 'refused',
      refusal: {
        code: 'invalid-transition',
        message: expect.stringMatching(
          /^A rollout that is scheduled cannot be .* It accepts cancel, rollback\.$/,
        ),
      },
    });
  });

  it('on another revision than the one it was meant for is refused', () => {
    const stale = { action: 'cancel', expect: { revision: 9 } } as const;
    expect(obeyStored(aScheduled(), stale, bob, later)).toMatchObject({ refusal: { code: 'stale-view' } });
  });

  it('comes too late after its end', () => {
    const ended = aScheduled({ state: { kind: 'cancelled', at: start, by: ana, reason: null } });
    expect(obeyStored(ended, { action: 'cancel' }, bob, later)).toMatchObject({
      refusal: { code: 'invalid-transition', message: expect.stringContaining('never reopens') },
    });
  });
});

describe('a scheduled rollout in words', () => {
  it('says for when it is scheduled, that it moved nothing, and what happens then', () => {
    expect(explain(aScheduled({ startAt: later, onConflict: 'reject' }), later, start)).toEqual({
      what: 'Scheduled for 11:00:00Z.',
      traffic: 'This rollout has moved no traffic; where traffic is gets read when its turn comes.',
      next: 'Looks at 11:00:00Z and begins then; is refused if another rollout holds payment-prod/payment-service by then.',
      actions: ['cancel', 'rollback'],
    });
  });

  it('says behind whom it is queued, when it looks again and when it gives up', () => {
    const { rollout, namesakes } = behindFirst();
    const waiting = scheduled(decideScheduled(rollout, sight({ namesakes }), start).rollout);
    expect(explain(waiting, start + 5000, start)).toMatchObject({
      what: `Queued behind ${rolloutId(1)}.`,
      next: 'Looks again in 5 s and begins when nothing is in its way; gives up at 2026-01-06 10:00:00Z.',
    });
  });

  it('says after its end why it never began', () => {
    const failed = aScheduled({ state: { kind: 'preflightFailed', at: start, why: 'the target is gone' } });
    expect(explain(failed, null, start)).toMatchObject({
      what: 'Not started: the target is gone.',
      next: 'Nothing: this rollout has ended.',
      actions: [],
    });
    const cancelled = aScheduled({ state: { kind: 'cancelled', at: start, by: bob, reason: null } });
    expect(explain(cancelled, null, start).what).toBe('Cancelled by bob before its turn came.');
  });
});

function scheduled(rollout: StoredRollout): ScheduledRollout {
  if (!isScheduled(rollout)) throw new Error('it has begun');
  return rollout;
}
