import { describe, expect, it } from 'vitest';
import type { MeshFailure } from '../../src/rollout/ports/mesh.ts';
import { statusOf } from '../../src/rollout/rollout.ts';
import { mood } from '../fakes/metrics.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { id, where, world } from './turn-world.ts';

const gateway = { namespace: 'edge', virtualService: 'gateway' };
const forbidden: MeshFailure = { kind: 'unavailable', reason: 'forbidden', why: 'patch is forbidden' };
const none = new AbortController().signal;

/** Two VirtualServices in two namespaces, as one target; at 5 % when `turns` is 1. */
async function two({ turns = 1, checks = {} } = {}) {
  const made = await world({ also: [gateway], checks });
  for (let turn = 0; turn < turns; turn += 1) await made.turn();
  const { mesh, store, found } = made;
  return {
    ...made,
    shares: () => [mesh.shareOf(where), mesh.shareOf(gateway)],
    state: async () => (await found()).state,
    status: async () => statusOf(await found()),
    writesAt: (place: typeof where) => mesh.writes(place).length,
    told: async () => (await store.events(id, 0, 1000)).map(({ message }) => message),
    explained: async () => JSON.stringify((await store.events(id, 0, 1000)).at(-1)?.facts),
    types: async () => (await store.events(id, 0, 1000)).map(({ type }) => type),
  };
}

/** At 5 % with a canary that fails, and its next turn due. */
async function breaching() {
  const made = await two();
  made.mind.canary = mood.failing;
  return made;
}

describe('a rollout of two VirtualServices', () => {
  it('moves both, and is at a share when both were read back', async () => {
    const { shares, found, writesAt } = await two();
    expect(shares()).toEqual([5, 5]);
    expect((await found()).traffic).toMatchObject({ applied: 5, intent: null });
    expect([writesAt(where), writesAt(gateway)]).toEqual([1, 1]);
  });

  it('writes none of them while one cannot be read, and says which', async () => {
    const { mesh, shares, run, told, status } = await two({ turns: 0 });
    mesh.breakDownAt(gateway, forbidden);
    await run(30);
    expect(shares()).toEqual([0, 0]);
    mesh.breakDownAt(gateway, null);
    await run(60);
    expect([shares(), await status()]).toEqual([[5, 5], 'running']);
    mesh.breakDownAt(gateway, forbidden);
    await run(30);
    expect((await told()).at(-1)).toContain(
      'Holding: the VirtualService cannot be read: edge/gateway: patch is forbidden',
    );
  });

  it('holds while one is gone, says which, and goes back with the other when that one stays away', async () => {
    const { mesh, shares, run, state, types } = await two();
    mesh.delete(gateway);
    await run(30);
    expect(await state()).toMatchObject({
      kind: 'holding',
      reason: { kind: 'targetMissing', object: 'edge/gateway' },
    });
    expect(shares()).toEqual([5, 0]);
    await run(60);
    expect(shares()).toEqual([0, 0]);
    await run(120);
    expect(await state()).toMatchObject({
      kind: 'rollbackFailed',
      why: 'edge/gateway is gone, so no weight can be restored there; payment-prod/payment-service is at 0 %',
    });
    expect(await types()).toContain('rollout.rollback_failed');
  });

  it('that was written by half holds with the name of the other, is no drift, and goes on with that one', async () => {
    const { mesh, turn, run, shares, state, found } = await two({ turns: 0 });
    mesh.breakDownAt(gateway, forbidden, 'writes');
    await turn();
    expect(shares()).toEqual([5, 0]);
    expect(await state()).toMatchObject({
      kind: 'holding',
      reason: { kind: 'meshWriteFailed', why: expect.stringContaining('edge/gateway: patch is forbidden') },
    });
    await run(30);
    expect(shares()).toEqual([5, 0]);
    expect((await state()).kind).toBe('holding');
    mesh.breakDownAt(gateway, null);
    await run(20);
    expect([shares(), (await state()).kind]).toEqual([[5, 5], 'running']);
    expect((await found()).traffic).toMatchObject({ applied: 5, intent: null });
  });

  it('goes back with the half that was written when the canary fails there', async () => {
    const { mesh, mind, run, shares, status, types } = await two({ turns: 0 });
    mesh.breakDownAt(gateway, forbidden, 'writes');
    await run(5);
    mind.canary = mood.failing;
    mesh.breakDownAt(gateway, null);
    await run(60);
    expect([shares(), await status()]).toEqual([[0, 0], 'rolled_back']);
    expect(await types()).toContain('rollout.rolled_back');
  });

  it('whose worker stopped between the two writes is finished by the next worker', async () => {
    const { mesh, turn, deps, clock, run, shares, status } = await two({ turns: 0 });
    const write: typeof mesh.write = async (target, view, asked, signal) => {
      mesh.breakDownAt(gateway, forbidden, 'writes');
      await mesh.write(target, view, asked, signal);
      mesh.breakDownAt(gateway, null);
      throw new Error('the worker stopped');
    };
    await expect(turn({ mesh: { ...deps.mesh, write } })).rejects.toThrow('stopped');
    expect(shares()).toEqual([5, 0]);
    clock.now += 16_000;
    await run(60);
    expect([shares(), await status()]).toEqual([[5, 5], 'running']);
  });
});

describe('somebody else’s hand on one of two VirtualServices', () => {
  it.each([
    ['raised', 40],
    ['lowered', 0],
  ])('that %s its canary stops both, as found there', async (_what, share) => {
    const { mesh, run, state, shares } = await two();
    mesh.moveByAnotherHand(gateway, share);
    await run(15);
    expect(await state()).toMatchObject({
      kind: 'paused',
      reason: { kind: 'drift', expected: 5, found: share },
    });
    expect(shares()).toEqual([5, share]);
    await run(120);
    expect([shares(), (await state()).kind]).toEqual([[5, share], 'paused']);
  });

  it.each([
    ['adopt', 40, 40],
    ['adopt', 2, 2],
    ['reassert', 40, 5],
  ] as const)('is answered by resume (%s): what was found at %d is at %d in both then', async (drift, found, then) => {
    const { mesh, run, say, shares, state } = await two();
    mesh.moveByAnotherHand(gateway, found);
    await run(15);
    await say({ action: 'resume', drift });
    await run(300);
    expect([shares(), (await state()).kind]).toEqual([[then, then], 'running']);
  });

  it('is told with both shares, until they are the same again', async () => {
    const { mesh, run, explained } = await two();
    mesh.moveByAnotherHand(gateway, 40);
    await run(15);
    expect(await explained()).toContain('5 % to 40 % of traffic on v2 (canary), depending on the route');
  });

  it('that created it anew stops both and says which, and resume takes it over', async () => {
    const { mesh, run, say, told, state, shares } = await two();
    mesh.recreate(gateway, { v1: 95, v2: 5 });
    await run(15);
    expect((await told()).at(-1)).toContain('Edge/gateway was deleted and created anew');
    await say({ action: 'resume' });
    await run(15);
    expect([shares(), (await state()).kind]).toEqual([[5, 5], 'running']);
  });

  it('that is another rollout’s stops both', async () => {
    const { mesh, run, state, found } = await two();
    const { target } = await found();
    const other = { ...target, ...gateway, also: [] };
    const view = await mesh.look(other, none);
    if (view.kind !== 'split') throw new Error(view.kind);
    const theirs = { share: 5, end: false, rolloutId: rolloutId(9), epoch: 3 };
    await mesh.write(other, view, theirs, none);
    await run(15);
    expect(await state()).toMatchObject({
      kind: 'paused',
      reason: { kind: 'anotherRollout', rollout: rolloutId(9) },
    });
  });

  it('that took its canary’s traffic without a database takes that of both', async () => {
    const { mesh, run, shares, state } = await two();
    mesh.breakGlass(gateway);
    await run(15);
    expect(shares()).toEqual([0, 0]);
    expect(await state()).toMatchObject({ kind: 'rolledBack', cause: { kind: 'outOfBand' } });
    expect([mesh.at(where)?.rolledBack, mesh.at(gateway)?.rolledBack]).toEqual([null, null]);
  });

  it('that shows a newer write than the database knows of brings both back', async () => {
    const { mesh, run, shares, state, found } = await two();
    const { target } = await found();
    const other = { ...target, ...gateway, also: [] };
    const view = await mesh.look(other, none);
    if (view.kind !== 'split') throw new Error(view.kind);
    await mesh.write(other, view, { share: 0, end: true, rolloutId: id, epoch: 77 }, none);
    await run(15);
    expect(shares()).toEqual([0, 0]);
    expect(await state()).toMatchObject({ kind: 'rolledBack', cause: { kind: 'stateRestored' } });
    expect(mesh.at(where)?.owner?.epoch).toBeGreaterThan(77);
  });
});

describe('the way back of two VirtualServices', () => {
  it('is over when both were read back at 0 %', async () => {
    const { run, shares, status, writesAt } = await breaching();
    await run(60);
    expect([shares(), await status()]).toEqual([[0, 0], 'rolled_back']);
    expect([writesAt(where), writesAt(gateway)]).toEqual([2, 2]);
  });

  it.each([
    ['written', 'writes'],
    ['read or written', undefined],
  ] as const)('takes one to 0 %% in the turn of the breach although the other cannot be %s', async (_what, only) => {
    const { mesh, clock, turn, run, shares, state, types, told, status, writesAt } = await breaching();
    mesh.breakDownAt(gateway, forbidden, only);
    for (let polls = 0; polls < 9 && (await state()).kind !== 'rollingBack'; polls += 1) {
      clock.now += 10_000;
      await turn();
    }
    expect(shares()).toEqual([0, 5]);
    await run(90);
    expect(await state()).toMatchObject({
      kind: 'rollingBack',
      stuck: {
        kind: 'meshWriteFailed',
        why: expect.stringMatching(
          /^edge\/gateway: patch is forbidden.*; payment-prod\/payment-service is at 0 %$/,
        ),
      },
    });
    expect((await types()).filter((type) => type === 'rollout.stuck')).toHaveLength(1);
    expect((await told()).at(-1)).toContain('edge/gateway: patch is forbidden');
    const written = writesAt(where);
    await run(600);
    expect([shares(), writesAt(where)]).toEqual([[0, 5], written]);
    mesh.breakDownAt(gateway, null);
    await run(30);
    expect([shares(), await status()]).toEqual([[0, 0], 'rolled_back']);
  });

  it('waits for one that is gone, and ends when it is put back', async () => {
    const { mesh, run, say, shares, state, status } = await two();
    await say({ action: 'rollback' });
    mesh.delete(gateway);
    await run(10);
    expect(shares()).toEqual([0, 0]);
    expect(await state()).toMatchObject({
      kind: 'rollingBack',
      stuck: { kind: 'targetMissing', object: 'edge/gateway' },
    });
    mesh.recreate(gateway, { v1: 90, v2: 10 });
    await run(30);
    expect([shares(), await status()]).toEqual([[0, 0], 'rolled_back']);
  });

  it('never calls one lost that only cannot be read', async () => {
    const { mesh, run, say, shares, state } = await two();
    await say({ action: 'rollback' });
    mesh.breakDownAt(gateway, forbidden);
    mesh.delete(where);
    await run(600);
    expect(await state()).toMatchObject({ kind: 'rollingBack', stuck: { kind: 'meshWriteFailed' } });
    mesh.recreate(where, { v1: 95, v2: 5 });
    await run(30);
    expect(shares()).toEqual([0, 5]);
  });

  it('of one is not kept by stable’s destination that is gone from the other', async () => {
    const { mesh, run, say, shares, state } = await two();
    mesh.removeDestination(gateway, 'v1');
    await say({ action: 'rollback' });
    await run(5);
    expect(shares()).toEqual([0, 5]);
    const { stuck } = await state().then((now) => (now.kind === 'rollingBack' ? now : { stuck: null }));
    await run(90);
    expect(stuck).toBeNull();
    expect(await state()).toMatchObject({
      stuck: { why: expect.stringContaining("edge/gateway: stable's destination is gone from the route") },
    });
  });

  it('tries again at once what somebody else wrote meanwhile, while the other is done', async () => {
    const { mesh, turn, say, shares, status, rests, writesAt } = await two();
    await say({ action: 'rollback' });
    const write: typeof mesh.write = (target, view, asked, signal) => {
      if (target.virtualService === 'gateway' && rests.length < 3) mesh.touchByAnotherHand(gateway);
      return mesh.write(target, view, asked, signal);
    };
    await turn({ mesh: { ...mesh, write } });
    expect([shares(), await status(), rests.length]).toEqual([[0, 0], 'rolled_back', 3]);
    expect(writesAt(where)).toBe(2);
  });

  it('is not waited for by the other: a write that gets no answer holds up nobody else', async () => {
    const { mesh, turn, say, shares } = await two();
    await say({ action: 'rollback' });
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const write: typeof mesh.write = async (target, view, asked, signal) => {
      if (target.virtualService === 'payment-service') await answered;
      return mesh.write(target, view, asked, signal);
    };
    const under = turn({ mesh: { ...mesh, write } });
    while (mesh.shareOf(gateway) > 0) await new Promise(setImmediate);
    expect(shares()).toEqual([5, 0]);
    answer();
    await under;
    expect(shares()).toEqual([0, 0]);
  });

  it('leaves word in both when nobody can write it down', async () => {
    const { mesh, turn, store, clock, shares } = await breaching();
    let isLost = false;
    const save: typeof store.save = async (...asked) => {
      if (asked[2].rollout.state.kind === 'rollingBack') {
        isLost = true;
        throw new Error('the database is lost');
      }
      return store.save(...asked);
    };
    for (let polls = 0; polls < 9 && !isLost; polls += 1) {
      clock.now += 10_000;
      await turn({ store: { ...store, save } }).catch(() => undefined);
    }
    expect(shares()).toEqual([0, 0]);
    expect([mesh.at(where)?.rolledBack, mesh.at(gateway)?.rolledBack]).toMatchObject([
      { rolloutId: id },
      { rolloutId: id },
    ]);
  });
});
