import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/rollout/audit.ts';
import type { Change, CommandChange, Remembered, Rollouts, Store } from '../../src/rollout/ports/store.ts';
import type { Rollout, StoredRollout } from '../../src/rollout/rollout.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';

export type StoreUnderTest = {
  store: Store & Rollouts;
  /** Lets time pass for everything that is stored. */
  later(seconds: number): Promise<void>;
  measurementsOf(id: string): Promise<number>;
};

const ana = { kind: 'person', name: 'ana' } as const;
const id = rolloutId(1);
const leaseSeconds = 15;
const goingBack = {
  kind: 'rollingBack',
  since: start,
  cause: { kind: 'targetMissing' },
  by: ana,
  stuck: null,
  firstEpoch: null,
} as const;

/** What every Store and Rollouts promises; `open` answers an empty one for each test. */
export function storeContract(open: () => Promise<StoreUnderTest>): void {
  let store: Store & Rollouts;
  let later: StoreUnderTest['later'];
  let measurementsOf: StoreUnderTest['measurementsOf'];

  beforeEach(async () => {
    ({ store, later, measurementsOf } = await open());
  });

  async function claimed(by = 'worker-a') {
    const claim = await store.claim(id, by, leaseSeconds);
    if (claim === null) throw new Error('not claimed');
    return claim;
  }

  async function created(rollout: Rollout = aRollout()): Promise<Rollout> {
    const answer = await store.create(rollout, [event('it was asked for')], null);
    if (answer.kind !== 'created') throw new Error(answer.kind);
    return rollout;
  }

  async function ended(rollout: Rollout = aRollout()): Promise<Rollout> {
    await created(rollout);
    const claim = await store.claim(rollout.id, 'worker-a', leaseSeconds);
    const end = succeeded(rollout);
    await store.save(rollout.id, claim?.epoch ?? 0, change(end, { nextAt: null, release: true }));
    return end;
  }

  describe('a claim', () => {
    it('gives a new rollout at once, with the fencing token and the clock', async () => {
      const rollout = await created();
      const claim = await claimed();
      expect(claim.rollout).toEqual(rollout);
      expect(claim.epoch).toBe(1);
      expect(Math.abs(claim.now - (await store.now()))).toBeLessThan(5000);
    });

    it('is won by one of two workers that claim at the same time', async () => {
      await created();
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, worker) => store.claim(id, `worker-${worker}`, leaseSeconds)),
      );
      expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
    });

    it('is refused while another worker holds the lease, and is given when the lease has run out', async () => {
      await created();
      await claimed();
      await later(leaseSeconds - 5);
      expect(await store.claim(id, 'worker-b', leaseSeconds)).toBeNull();
      expect(await store.due(10)).toEqual([]);
      await later(6);
      expect(await store.due(10)).toEqual([id]);
      expect((await claimed('worker-b')).epoch).toBe(2);
    });

    it('is refused before the rollout is due', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      await store.save(id, epoch, change(rollout, { nextAt: now + 60_000, release: true }));
      expect(await store.claim(id, 'worker-b', leaseSeconds)).toBeNull();
      await later(61);
      expect(await store.claim(id, 'worker-b', leaseSeconds)).not.toBeNull();
    });

    it('is refused for a rollout that has ended or that does not exist', async () => {
      await ended();
      expect(await store.claim(id, 'worker-a', leaseSeconds)).toBeNull();
      expect(await store.claim(rolloutId(99), 'worker-a', leaseSeconds)).toBeNull();
    });
  });

  describe('a save', () => {
    it('keeps the rollout, its next turn, its audit rows and its measurements together', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      const next = { ...rollout, revision: 2 };
      const saved = await store.save(id, epoch, {
        rollout: next,
        events: [event('first'), event('second')],
        measurements: measured(now),
        nextAt: now + 10_000,
        release: false,
      });
      expect(saved.kind).toBe('saved');
      expect(await store.find(id)).toMatchObject({ rollout: next, nextAt: now + 10_000 });
      expect((await store.events(id, 0, 10)).map((row) => [row.seq, row.message])).toEqual([
        [1, 'it was asked for'],
        [2, 'first'],
        [3, 'second'],
      ]);
      expect(await measurementsOf(id)).toBe(1);
    });

    it('of a fenced turn writes nothing: no state, no audit row, no measurement', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      await later(leaseSeconds + 1);
      await claimed('worker-b');
      const late = change(
        { ...rollout, revision: 7 },
        { events: [event('too late')], measurements: measured(now) },
      );
      expect(await store.save(id, epoch, late)).toEqual({ kind: 'fenced' });
      expect((await store.find(id))?.rollout).toEqual(rollout);
      expect(await store.events(id, 0, 10)).toHaveLength(1);
      expect(await measurementsOf(id)).toBe(0);
    });

    it('for a rollout that does not exist is fenced', async () => {
      expect(await store.save(id, 1, change(aRollout()))).toEqual({ kind: 'fenced' });
    });

    it('that releases lets the next worker in as soon as the rollout is due', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      await store.save(id, epoch, change(rollout, { nextAt: now, release: true }));
      expect((await claimed('worker-b')).epoch).toBe(2);
    });

    it('that keeps the lease keeps the next worker out although the rollout is due', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      await store.save(id, epoch, change(rollout, { nextAt: now, release: false }));
      expect(await store.claim(id, 'worker-b', leaseSeconds)).toBeNull();
    });

    it('keeps the measurements of one poll once, however often it is written', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      await store.save(id, epoch, change(rollout, { measurements: measured(now) }));
      await store.save(id, epoch, change(rollout, { measurements: measured(now) }));
      expect(await measurementsOf(id)).toBe(1);
    });

    it('refuses a rollout that could not be read back, and keeps the one before', async () => {
      const rollout = await created();
      const { epoch } = await claimed();
      const broken = { ...rollout, revision: Number.NaN };
      await expect(store.save(id, epoch, change(broken))).rejects.toMatchObject({ code: 'corruptRow' });
      expect((await store.find(id))?.rollout).toEqual(rollout);
    });
  });

  describe('the end', () => {
    it('is final: neither a save nor a command reopens a rollout', async () => {
      await ended();
      const reopened = aRollout();
      await expect(store.save(id, 1, change(reopened, { nextAt: 0 }))).rejects.toThrow();
      await expect(store.command(id, () => accepted(reopened))).rejects.toThrow();
      expect((await store.find(id))?.rollout.state.kind).toBe('succeeded');
      expect(await store.events(id, 0, 10)).toHaveLength(1);
    });

    it('leaves no next turn', async () => {
      await ended();
      await later(3600);
      expect((await store.find(id))?.nextAt).toBeNull();
      expect(await store.due(10)).toEqual([]);
    });

    it('comes by a terminal state even when a next turn was asked for', async () => {
      const rollout = await created();
      await store.command(id, () => accepted(cancelled(rollout)));
      expect((await store.find(id))?.nextAt).toBeNull();
    });

    it('is not had without a terminal state', async () => {
      const rollout = await created();
      const { epoch } = await claimed();
      await expect(store.save(id, epoch, change(rollout, { nextAt: null }))).rejects.toThrow();
      expect((await store.find(id))?.nextAt).not.toBeNull();
    });
  });

  describe('a command', () => {
    it('fences the turn that is running, takes its lease and is due at once', async () => {
      const rollout = await created();
      const { epoch, now } = await claimed();
      const paused = { ...rollout, revision: 2 };
      const answer = await store.command(id, () => accepted(paused, now));
      expect(answer).toEqual({ kind: 'answered', answer: 'accepted' });
      expect(await store.save(id, epoch, change(rollout))).toEqual({ kind: 'fenced' });
      const next = await claimed('worker-b');
      expect(next.rollout).toEqual(paused);
      expect(next.epoch).toBe(3);
    });

    it('that is refused writes nothing and fences nobody', async () => {
      const rollout = await created();
      const { epoch } = await claimed();
      const refused = { change: null, answer: 'refused', remember: answerFor('a', 1) };
      expect(await store.command(id, () => refused)).toEqual({ kind: 'answered', answer: 'refused' });
      expect(await store.recall(answerFor('a', 1))).toBeNull();
      expect((await store.save(id, epoch, change(rollout))).kind).toBe('saved');
    });

    it('for a rollout that does not exist is unknown', async () => {
      expect(await store.command(id, () => accepted(aRollout()))).toEqual({ kind: 'unknown' });
    });

    it('sees what the one before it wrote: 50 at once happen one after the other', async () => {
      await created();
      await Promise.all(Array.from({ length: 50 }, () => store.command(id, raiseRevision)));
      expect((await store.find(id))?.rollout.revision).toBe(51);
      const seqs = (await store.events(id, 0, 100)).map((row) => row.seq);
      expect(seqs).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
    });

    it('leaves no trace when its decision throws', async () => {
      const rollout = await created();
      const fault = new Error('a fault in the core');
      const failing = store.command(id, () => {
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
      expect((await store.find(id))?.rollout).toEqual(rollout);
      expect((await store.command(id, raiseRevision)).kind).toBe('answered');
    });
  });

  describe('a new rollout', () => {
    it('is refused while another is live on its VirtualService, and accepted after that one has ended', async () => {
      await created();
      const second = aRollout({ id: rolloutId(2) });
      expect(await store.create(second, [event('again')], null)).toEqual({ kind: 'taken', by: id });
      expect(await store.find(second.id)).toBeNull();
      await store.command(id, (rollout) => accepted(cancelled(rollout)));
      expect(await store.create(second, [event('again')], null)).toEqual({ kind: 'created' });
    });

    it('is accepted on another VirtualService, namespace or cluster', async () => {
      const { target } = await created();
      const others = [
        targetNamed('ledger'),
        { ...target, namespace: 'payment-test' },
        { ...target, cluster: 'west' },
      ].map((other, index) => aRollout({ id: rolloutId(index + 2), target: other }));
      for (const rollout of others) {
        expect(await store.create(rollout, [], null)).toEqual({ kind: 'created' });
      }
    });

    it('is created once when twenty ask for the same VirtualService at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.create(aRollout({ id: rolloutId(index + 1) }), [], null),
        ),
      );
      expect(answers.filter((answer) => answer.kind === 'created')).toHaveLength(1);
      expect(answers.filter((answer) => answer.kind === 'taken')).toHaveLength(19);
      expect(await store.list({ limit: 100 })).toHaveLength(1);
    });
  });

  describe('a repeated Idempotency-Key', () => {
    it('is answered as the first time', async () => {
      const answer = answerFor('a', 1);
      await store.create(aRollout(), [], answer);
      const { fingerprint, status, body } = answer;
      expect(await store.recall(answer)).toEqual({ fingerprint, status, body });
      expect(await store.recall({ ...answer, principal: 'somebody else' })).toBeNull();
      expect(await store.recall({ ...answer, path: '/v1/plans' })).toBeNull();
    });

    it('creates one rollout, however many requests carry it at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.create(aRollout({ id: rolloutId(index + 1) }), [event('asked')], answerFor('a', index)),
        ),
      );
      expect(answers.map((answer) => answer.kind).sort()).toEqual([
        ...Array.from({ length: 19 }, () => 'answeredBefore'),
        'created',
      ]);
      expect(await store.list({ limit: 100 })).toHaveLength(1);
      expect(await store.audit({ limit: 100 })).toHaveLength(1);
    });

    it('creates nothing when its first request was for another target', async () => {
      await store.create(aRollout(), [], answerFor('a', 1));
      const other = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
      expect(await store.create(other, [event('asked')], answerFor('a', 2))).toEqual({
        kind: 'answeredBefore',
      });
      expect(await store.find(other.id)).toBeNull();
      expect(await store.events(other.id, 0, 10)).toEqual([]);
    });

    it('acts once, however many commands carry it at once', async () => {
      await created();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.command(id, (rollout) => ({ ...raiseRevision(rollout), remember: answerFor('b', index) })),
        ),
      );
      expect(answers.filter((answer) => answer.kind === 'answered')).toHaveLength(1);
      expect(answers.filter((answer) => answer.kind === 'answeredBefore')).toHaveLength(9);
      expect((await store.find(id))?.rollout.revision).toBe(2);
    });

    it('is not remembered for a rollout that was refused as taken', async () => {
      await created();
      await store.create(aRollout({ id: rolloutId(2) }), [], answerFor('c', 1));
      expect(await store.recall(answerFor('c', 1))).toBeNull();
    });

    it('is free again after 7 days', async () => {
      await store.create(aRollout(), [], answerFor('a', 1));
      await later(7 * 86_400 - 60);
      expect(await store.recall(answerFor('a', 1))).not.toBeNull();
      await later(120);
      expect(await store.recall(answerFor('a', 1))).toBeNull();
      const other = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
      expect(await store.create(other, [], answerFor('a', 2))).toEqual({ kind: 'created' });
      expect((await store.recall(answerFor('a', 2)))?.body).toBe('{"answer":2}');
    });
  });

  describe('what is due', () => {
    it('is named longest due first, up to the limit', async () => {
      for (const number of [1, 2, 3]) {
        await created(aRollout({ id: rolloutId(number), target: targetNamed(`service-${number}`) }));
        await later(1);
      }
      expect(await store.due(10)).toEqual([rolloutId(1), rolloutId(2), rolloutId(3)]);
      expect(await store.due(2)).toEqual([rolloutId(1), rolloutId(2)]);
    });

    it('names those that go back before all others', async () => {
      for (const number of [1, 2, 3]) {
        const target = targetNamed(`service-${number}`);
        await created(
          aRollout({ id: rolloutId(number), target, ...(number === 3 ? { state: goingBack } : {}) }),
        );
        await later(1);
      }
      expect(await store.due(2)).toEqual([rolloutId(3), rolloutId(1)]);
      expect(await store.due(2, [rolloutId(3)])).toEqual([rolloutId(1), rolloutId(2)]);
    });
  });

  describe('a list', () => {
    beforeEach(async () => {
      await ended();
      await created(aRollout({ id: rolloutId(2) }));
      await created(aRollout({ id: rolloutId(3), target: targetNamed('ledger') }));
    });

    it.each([
      ['everything, newest first', {}, [3, 2, 1]],
      ['by status', { statuses: ['succeeded', 'paused'] }, [1]],
      ['by no status at all', { statuses: [] }, []],
      ['by VirtualService', { virtualService: 'ledger' }, [3]],
      ['by namespace', { namespace: 'payment-prod' }, [3, 2, 1]],
      ['by a namespace that cannot exist', { namespace: 'a\0b' }, []],
      ['before one of them', { beforeId: rolloutId(3) }, [2, 1]],
    ])('shows %s', async (_what, query, expected) => {
      const found = await store.list({ ...query, limit: 10 });
      expect(found.map((rollout) => rollout.id)).toEqual(expected.map(rolloutId));
    });

    it('stops at its limit', async () => {
      expect(await store.list({ limit: 2 })).toHaveLength(2);
    });
  });

  describe('the audit log', () => {
    it('gives every row its number and its own rollout a sequence without gaps', async () => {
      await created();
      await created(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }));
      await store.command(id, raiseRevision);
      const rows = await store.audit({ limit: 10 });
      expect(rows.map((row) => [row.rolloutId, row.seq])).toEqual([
        [id, 1],
        [rolloutId(2), 1],
        [id, 2],
      ]);
      const numbers = rows.map((row) => row.number);
      expect(numbers).toEqual([...numbers].sort((left, right) => left - right));
      expect(new Set(numbers).size).toBe(3);
    });

    it('keeps who, what and every fact as they were', async () => {
      const facts = { p99Ms: 1e2, ratio: 0.1, b: 1, a: [null, 'x'], nested: { z: 1, y: 2 } };
      await store.create(aRollout(), [{ type: 'page', actor: ana, message: 'a page', facts }], null);
      const [row] = await store.events(id, 0, 1);
      expect(row).toMatchObject({ type: 'page', actor: ana, message: 'a page', rolloutId: id });
      expect(JSON.stringify(row?.facts)).toBe(JSON.stringify(facts));
    });

    it('is found by rollout, actor, type, number and time; the range ends just before `until`', async () => {
      await created();
      const bob = { kind: 'machine', name: 'bob' } as const;
      const paused: AuditEvent = { type: 'rollout.paused', actor: bob, message: 'paused', facts: {} };
      await store.command(id, (rollout) => ({ ...raiseRevision(rollout), change: next(rollout, [paused]) }));
      const [first, second] = await store.audit({ limit: 10 });
      const found = async (query: object) =>
        (await store.audit({ ...query, limit: 10 })).map((row) => row.seq);
      expect(await found({ rolloutId: id })).toEqual([1, 2]);
      expect(await found({ rolloutId: rolloutId(9) })).toEqual([]);
      expect(await found({ actor: 'bob' })).toEqual([2]);
      expect(await found({ actor: 'b\0b' })).toEqual([]);
      expect(await found({ type: 'rollout.paused' })).toEqual([2]);
      expect(await found({ afterNumber: first?.number })).toEqual([2]);
      expect(await found({ since: first?.at, until: (second?.at ?? 0) + 1 })).toEqual([1, 2]);
      expect(await found({ until: first?.at })).toEqual([]);
    });

    it('of one rollout is read on from a sequence number', async () => {
      await created();
      await store.command(id, raiseRevision);
      await store.command(id, raiseRevision);
      expect((await store.events(id, 1, 10)).map((row) => row.seq)).toEqual([2, 3]);
      expect((await store.events(id, 0, 2)).map((row) => row.seq)).toEqual([1, 2]);
    });
  });

  describe('what no database can hold', () => {
    it('is replaced by U+FFFD in state and audit alike, so that a rollout can always go back', async () => {
      const broken = 'a\0b\uD800c';
      const whole = 'a\u{FFFD}b\u{FFFD}c';
      const answer = await store.create(
        aRollout({ reason: broken }),
        [{ type: 'page', actor: { kind: 'person', name: broken }, message: broken, facts: { why: broken } }],
        null,
      );
      expect(answer).toEqual({ kind: 'created' });
      expect((await store.find(id))?.rollout.reason).toBe(whole);
      const [row] = await store.events(id, 0, 1);
      expect(row).toMatchObject({ message: whole, facts: { why: whole } });
      expect(row?.actor.name).toBe(whole);
    });

    it('keeps text that only looks like an escape, and characters beyond the basic plane', async () => {
      const reason = 'C:\\u0000 "quoted" 🐤 ünïcödé';
      await created(aRollout({ reason }));
      expect((await store.find(id))?.rollout.reason).toBe(reason);
    });

    it('holds an infinite measurement as a number above every limit', async () => {
      const cause = {
        kind: 'severeErrors',
        value: Number.POSITIVE_INFINITY,
        limit: 0.25,
        requests: 20,
      } as const;
      const state = { kind: 'rollingBack', since: 0, cause, by: ana, stuck: null, firstEpoch: null } as const;
      await created(aRollout({ state }));
      expect((await store.find(id))?.rollout.state).toMatchObject({ cause: { value: Number.MAX_VALUE } });
    });
  });
}

function event(message: string): AuditEvent {
  return { type: 'rollout.started', actor: ana, message, facts: {} };
}

function change(rollout: StoredRollout, parts: Partial<Change> = {}): Change {
  return { rollout, events: [], measurements: null, nextAt: 0, release: false, ...parts };
}

function next(rollout: StoredRollout, events: AuditEvent[]) {
  return { rollout: { ...rollout, revision: rollout.revision + 1 }, events, nextAt: 0 };
}

function raiseRevision(rollout: StoredRollout): CommandChange<string> {
  return { change: next(rollout, [event('raised')]), answer: 'accepted', remember: null };
}

function accepted(rollout: StoredRollout, nextAt = 0): CommandChange<string> {
  return { change: { rollout, events: [event('accepted')], nextAt }, answer: 'accepted', remember: null };
}

function succeeded(rollout: Rollout): Rollout {
  return { ...rollout, state: { kind: 'succeeded', at: rollout.createdAt } };
}

function cancelled(rollout: StoredRollout): StoredRollout {
  return { ...rollout, state: { kind: 'cancelled', at: rollout.createdAt, by: ana, reason: null } };
}

function answerFor(key: string, number: number): Remembered {
  return {
    principal: 'ana',
    method: 'POST',
    path: '/v1/rollouts',
    key,
    fingerprint: 'ab'.repeat(32),
    status: 202,
    body: `{"answer":${number}}`,
  };
}

function measured(takenAt: number): NonNullable<Change['measurements']> {
  const none = { kind: 'none' } as const;
  return {
    takenAt,
    checks: { errorRate: { canary: { kind: 'value', value: 0.5, requests: 10 }, stable: none } },
    requests: { canary: none, stable: none },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
}
