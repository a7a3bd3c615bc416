import { beforeEach, describe, expect, it } from 'vitest';
import type { Names } from '../../src/rollout/names.ts';
import type { Rollouts, Store } from '../../src/rollout/ports/store.ts';
import { newRollout, type Rollout, type StoredRollout } from '../../src/rollout/rollout.ts';
import type { ScheduledRollout } from '../../src/rollout/scheduled.ts';
import type { Target } from '../../src/rollout/target.ts';
import { aRollout, aScheduled, bankPlan, paymentTarget, rolloutId } from '../fakes/rollouts.ts';
import type { StoreUnderTest } from './store-contract.ts';

const [first, second, third] = [rolloutId(1), rolloutId(2), rolloutId(3)];
const ana = { kind: 'person', name: 'ana' } as const;

/** A target of VirtualServices written as `namespace/name`, the first one first. */
export function moving(one: string, ...others: string[]): Target {
  const also = others.map((other) => ({
    ...placeOf(other),
    uid: `uid of ${other}`,
    routes: paymentTarget.routes,
  }));
  return { ...paymentTarget, ...placeOf(one), uid: `uid of ${one}`, also };
}

function placeOf(text: string) {
  const [namespace = '', virtualService = ''] = text.split('/');
  return { namespace, virtualService };
}

function askedFor({ cluster, namespace, virtualService, also }: Target): ScheduledRollout['target'] {
  const others = also.map((one) =>
    one.namespace === namespace
      ? { virtualService: one.virtualService }
      : { namespace: one.namespace, virtualService: one.virtualService },
  );
  return { cluster, namespace, virtualService, also: others };
}

/** What every Store and Rollouts promises of rollouts that move several VirtualServices. */
export function objectsContract(open: () => Promise<StoreUnderTest>): void {
  let store: Store & Rollouts;

  beforeEach(async () => {
    ({ store } = await open());
  });

  const create = (rollout: StoredRollout) => store.create(rollout, [], null);
  const two = moving('shop/checkout', 'edge/gateway');

  async function ended(rollout: Rollout): Promise<void> {
    const end: Rollout = { ...rollout, state: { kind: 'succeeded', at: 0 } };
    const claim = await store.claim(rollout.id, 'worker-a', 15);
    await store.save(rollout.id, claim?.epoch ?? 0, turnOf(end, null));
  }

  async function begin(scheduled: ScheduledRollout, target: Target) {
    const claim = await store.claim(scheduled.id, 'worker-a', 15);
    const { id, plan, requestedBy, reason, createdAt } = scheduled;
    const fresh = newRollout({ id, target, plan, requestedBy, reason }, 1, createdAt);
    const begun = { ...fresh, schedule: { startAt: null, begunAt: createdAt } };
    return store.save(id, claim?.epoch ?? 0, turnOf(begun, 0));
  }

  describe('a rollout of several VirtualServices', () => {
    it.each([
      ['in first place', moving('edge/gateway')],
      ['beside another', moving('shop/ledger', 'edge/gateway')],
      ['in first place of that one', moving('shop/ledger', 'shop/checkout')],
      ['as the same two the other way round', moving('edge/gateway', 'shop/checkout')],
    ])('keeps all of them from any other rollout: from one that names it %s', async (_, target) => {
      await create(aRollout({ target: two }));
      expect(await create(aRollout({ id: second, target }))).toEqual({ kind: 'taken', by: first });
      expect(await store.find(second)).toBeNull();
    });

    it('leaves those of the same name in other namespaces and clusters to others', async () => {
      await create(aRollout({ target: two }));
      const others = [moving('edge/checkout', 'shop/gateway'), { ...two, cluster: 'west' }];
      for (const [index, target] of others.entries())
        expect((await create(aRollout({ id: rolloutId(index + 2), target }))).kind).toBe('created');
    });

    it('lets go of all of them when it ends by a turn', async () => {
      const rollout = aRollout({ target: two });
      await create(rollout);
      await ended(rollout);
      expect((await create(aRollout({ id: second, target: moving('edge/gateway') }))).kind).toBe('created');
      expect((await create(aRollout({ id: third, target: moving('shop/checkout') }))).kind).toBe('created');
    });

    it('lets go of all of them when a person ends it', async () => {
      await create(aRollout({ target: two }));
      await store.command(first, (rollout) => ({
        change: { rollout: cancelled(rollout), events: [], nextAt: null },
        answer: null,
        remember: null,
      }));
      expect(
        (await create(aRollout({ id: second, target: moving('edge/gateway', 'shop/checkout') }))).kind,
      ).toBe('created');
    });

    it('takes none when one is held, so that the others stay free', async () => {
      await create(aRollout({ target: moving('edge/gateway') }));
      expect((await create(aRollout({ id: second, target: two }))).kind).toBe('taken');
      expect((await create(aRollout({ id: third, target: moving('shop/checkout') }))).kind).toBe('created');
    });

    it('is a namesake of every rollout that moves one of them, live or scheduled', async () => {
      await create(aRollout({ target: two }));
      await create(aScheduled({ id: second, target: askedFor(moving('edge/ledger', 'edge/gateway')) }));
      await create(aScheduled({ id: third, target: askedFor(moving('edge/ledger')) }));
      const ids = async (names: Names) => (await store.namesakes(names)).map(({ id }) => id);
      expect(await ids(moving('edge/gateway'))).toEqual([first, second]);
      expect(await ids(askedFor(moving('shop/other', 'shop/checkout')))).toEqual([first]);
      expect(await ids(moving('edge/ledger', 'shop/checkout'))).toEqual([first, second, third]);
      expect(await ids(moving('shop/gateway'))).toEqual([]);
    });

    it('is found in lists by each of them, also after it has ended', async () => {
      const rollout = aRollout({ target: two });
      await create(rollout);
      await create(aRollout({ id: second, target: moving('shop/ledger') }));
      await ended(rollout);
      const ids = async (query: object) => (await store.list({ limit: 10, ...query })).map(({ id }) => id);
      expect(await ids({ namespace: 'edge', virtualService: 'gateway' })).toEqual([first]);
      expect(await ids({ virtualService: 'checkout' })).toEqual([first]);
      expect(await ids({ namespace: 'shop' })).toEqual([second, first]);
      expect(await ids({ namespace: 'shop', virtualService: 'gateway' })).toEqual([]);
      expect(await ids({ moving: moving('edge/other', 'edge/gateway') })).toEqual([first]);
      expect(await ids({ moving: { ...moving('edge/gateway'), cluster: 'west' } })).toEqual([]);
    });

    it('is among what is live in each of their namespaces', async () => {
      await create(aRollout({ target: two }));
      await create(aScheduled({ id: second, target: askedFor(moving('shop/ledger', 'bank/ledger')) }));
      expect(await store.liveIn({ cluster: null, namespace: 'edge' })).toEqual([first]);
      expect(await store.liveIn({ cluster: 'default', namespace: 'bank' })).toEqual([second]);
      expect(await store.liveIn({ cluster: null, namespace: 'shop' })).toEqual([second, first]);
      expect(await store.liveIn({ cluster: 'west', namespace: 'shop' })).toEqual([]);
    });
  });

  describe('a scheduled rollout of several VirtualServices', () => {
    it('holds none of them until its turn has come, and then all', async () => {
      const scheduled = aScheduled({ target: askedFor(two) });
      await create(scheduled);
      const other = aRollout({ id: second, target: moving('edge/gateway') });
      expect((await create(other)).kind).toBe('created');
      await ended(other);
      expect((await begin(scheduled, two)).kind).toBe('saved');
      expect(await create(aRollout({ id: third, target: moving('edge/gateway') }))).toEqual({
        kind: 'taken',
        by: first,
      });
    });

    it('does not begin while one of them is held, and says by whom', async () => {
      const scheduled = aScheduled({ target: askedFor(two) });
      await create(scheduled);
      await create(aRollout({ id: second, target: moving('shop/ledger', 'edge/gateway') }));
      expect(await begin(scheduled, two)).toEqual({ kind: 'taken', by: second });
      expect((await store.find(first))?.rollout).toEqual(scheduled);
    });
  });

  describe('many rollouts that want each other’s VirtualServices', () => {
    it('take them in one order: each is had by one, nobody waits for ever', async () => {
      const names = ['shop/a', 'shop/b', 'edge/a', 'edge/b'];
      const targets = names.flatMap((one) =>
        names.filter((other) => other !== one).map((other) => moving(one, other)),
      );
      const answers = await Promise.all(
        targets.map((target, index) => create(aRollout({ id: rolloutId(index + 1), target }))),
      );
      const won = targets.filter((_, index) => answers[index]?.kind === 'created');
      const held = won
        .flatMap((target) => [target, ...target.also])
        .map((one) => `${one.namespace}/${one.virtualService}`);
      expect(new Set(held).size).toBe(held.length);
      expect(won.length).toBeGreaterThanOrEqual(1);
      expect(answers.every(({ kind }) => kind === 'created' || kind === 'taken')).toBe(true);
    });
  });
}

function cancelled(rollout: StoredRollout): Rollout {
  const begun = aRollout({ id: rollout.id, target: moving('shop/checkout', 'edge/gateway'), plan: bankPlan });
  return { ...begun, state: { kind: 'cancelled', at: 0, by: ana, reason: null } };
}

function turnOf(rollout: StoredRollout, nextAt: number | null) {
  return { rollout, events: [], measurements: null, nextAt, release: true };
}
