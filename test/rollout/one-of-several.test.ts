import { describe, expect, it } from 'vitest';
import type { MeshFailure } from '../../src/rollout/ports/mesh.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { id, where, world } from './turn-world.ts';

const gateway = { namespace: 'edge', virtualService: 'gateway' };
const broker = { namespace: 'edge', virtualService: 'broker' };
const forbidden: MeshFailure = { kind: 'unavailable', reason: 'forbidden', why: 'patch is forbidden' };

/** Three VirtualServices, as one target; at 5 % when `turns` is 1. */
async function three({ turns = 1, plan = {} }: { turns?: number; plan?: object } = {}) {
  const made = await world({ also: [gateway, broker], checks: plan });
  for (let turn = 0; turn < turns; turn += 1) await made.turn();
  const { mesh, found, store } = made;
  return {
    ...made,
    shares: () => [where, gateway, broker].map((place) => mesh.shareOf(place)),
    writesAt: (place: typeof where) => mesh.writes(place).length,
    state: async () => (await found()).state,
    told: async () => (await store.events(id, 0, 1000)).map(({ message }) => message),
  };
}

describe('one of three VirtualServices that cannot be read', () => {
  it('keeps none of the others from the rollback that somebody began at the third without a database', async () => {
    const { mesh, run, shares, state } = await three();
    mesh.breakDownAt(broker, forbidden);
    mesh.breakGlass(gateway);
    await run(15);
    expect(shares()).toEqual([0, 0, 5]);
    expect(await state()).toMatchObject({ kind: 'rollingBack', cause: { kind: 'outOfBand' } });
    mesh.breakDownAt(broker, null);
    await run(60);
    expect([shares(), (await state()).kind]).toEqual([[0, 0, 0], 'rolledBack']);
  });

  it('keeps none of the others from losing the traffic of a canary that became another one', async () => {
    const { mesh, run, shares, state, writesAt } = await three();
    mesh.breakDownAt(broker, forbidden);
    mesh.setImages(where, 'v2', imagesOf('other'));
    await run(30);
    expect(await state()).toMatchObject({ kind: 'paused', reason: { kind: 'canaryChanged' } });
    expect(shares()).toEqual([0, 0, 5]);
    const written = writesAt(where);
    await run(120);
    expect(writesAt(where)).toBe(written);
    mesh.breakDownAt(broker, null);
    await run(30);
    expect([shares(), (await state()).kind]).toEqual([[0, 0, 0], 'paused']);
  });

  it('keeps none of the others from that while a person is awaited either', async () => {
    const { mesh, run, say, shares, state } = await three();
    await say({ action: 'pause' });
    mesh.breakDownAt(broker, forbidden);
    mesh.setImages(where, 'v2', imagesOf('other'));
    await run(30);
    expect(await state()).toMatchObject({ kind: 'paused', reason: { kind: 'canaryChanged' } });
    expect(shares()).toEqual([0, 0, 5]);
  });

  it('keeps none of the others from going back when the canary has no ready pod', async () => {
    const { mesh, run, shares, state } = await three();
    mesh.breakDownAt(broker, forbidden);
    mesh.setReadiness(where, 'v2', { kind: 'known', ready: 0, total: 3 });
    await run(60);
    expect(shares()).toEqual([0, 0, 5]);
    expect(await state()).toMatchObject({ kind: 'rollingBack', cause: { kind: 'canaryUnreachable' } });
  });

  it.each([
    ['became another one', 'paused'],
    ['has no ready pod', 'rollingBack'],
  ] as const)('keeps none of the others from losing, at a handover, a canary that %s', async (_what, then) => {
    const steps = [{ type: 'promote', bake: '60s' }];
    const { mesh, run, shares, state } = await three({ plan: { steps, onSuccess: 'handover' } });
    for (let tries = 0; tries < 60 && (await state()).kind !== 'handingOver'; tries += 1) await run(10);
    expect([(await state()).kind, shares()]).toEqual(['handingOver', [100, 100, 100]]);
    mesh.breakDownAt(broker, forbidden);
    if (then === 'paused') mesh.setImages(where, 'v2', imagesOf('other'));
    else mesh.setReadiness(where, 'v2', { kind: 'known', ready: 0, total: 3 });
    await run(60);
    expect([(await state()).kind, shares()]).toEqual([then, [0, 0, 100]]);
  });

  it('keeps all of them from going forward', async () => {
    const { mesh, run, shares, state, writesAt } = await three();
    mesh.breakDownAt(broker, forbidden);
    await run(2400);
    expect([shares(), writesAt(where)]).toEqual([[5, 5, 5], 1]);
    expect((await state()).kind).toBe('holding');
  });
});

describe('what somebody lowered in one of several VirtualServices', () => {
  it.each([
    'adopt',
    'reassert',
  ] as const)('counts before what was raised in another: resume (%s) raises it never', async (drift) => {
    const { mesh, run, say, shares, state } = await three();
    mesh.moveByAnotherHand(where, 40);
    mesh.moveByAnotherHand(gateway, 2);
    await run(15);
    expect(await state()).toMatchObject({ kind: 'paused', reason: { kind: 'drift', expected: 5, found: 2 } });
    const { answer } = await say({ action: 'resume', drift }).then((said) => ({
      answer: JSON.stringify(said),
    }));
    await run(15);
    if (drift === 'adopt') expect(shares()).toEqual([2, 2, 2]);
    else expect([answer.includes('refused'), shares()]).toEqual([true, [40, 2, 5]]);
  });

  it('is not raised again by a plan that writes weights again by itself', async () => {
    const { mesh, run, shares, state } = await three({ plan: { onDrift: 'reassert' } });
    mesh.moveByAnotherHand(where, 40);
    mesh.moveByAnotherHand(gateway, 2);
    await run(30);
    expect([shares(), (await state()).kind]).toEqual([[40, 2, 5], 'paused']);
  });

  it('is not raised again by the retry of a write that reached only this one', async () => {
    const { mesh, turn, run, shares, state } = await three({ turns: 0 });
    mesh.breakDownAt(gateway, forbidden, 'writes');
    await turn();
    expect(shares()).toEqual([5, 0, 0]);
    mesh.moveByAnotherHand(where, 0);
    mesh.breakDownAt(gateway, null);
    await run(30);
    expect(shares()).toEqual([0, 0, 0]);
    expect(await state()).toMatchObject({ kind: 'paused', reason: { kind: 'drift', expected: 5, found: 0 } });
  });

  it('is not raised again either where the answer of that write was lost', async () => {
    const { mesh, turn, run, clock, shares, state } = await three({ turns: 0 });
    const lost = { kind: 'ambiguous', why: 'no answer' } as const;
    mesh.failNextWrite(lost, { landed: true });
    await turn();
    mesh.breakDownAt(gateway, forbidden, 'writes');
    mesh.breakDownAt(where, forbidden, 'writes');
    clock.now += 2000;
    await turn();
    expect(shares()).toEqual([5, 0, 0]);
    mesh.moveByAnotherHand(where, 0);
    mesh.breakDownAt(gateway, null);
    mesh.breakDownAt(where, null);
    await run(30);
    expect(shares()).toEqual([0, 0, 0]);
    expect(await state()).toMatchObject({ kind: 'paused', reason: { kind: 'drift' } });
  });

  it('and put back is told anew, and adopted as it stands then', async () => {
    const { mesh, run, say, shares, state } = await three();
    mesh.moveByAnotherHand(where, 40);
    await run(15);
    mesh.moveByAnotherHand(where, 5);
    await run(15);
    expect(await state()).toMatchObject({ reason: { kind: 'drift', expected: 5, found: 5 } });
    await say({ action: 'resume', drift: 'adopt' });
    await run(15);
    expect(shares()).toEqual([5, 5, 5]);
  });

  it('by the edit that gave another destination traffic is not raised again by resume', async () => {
    const { mesh, run, say, shares, state } = await three();
    mesh.setShares(where, { v1: 88.2, v2: 1.8, v3: 10 });
    await run(15);
    expect(await state()).toMatchObject({ reason: { kind: 'shapeChanged' } });
    mesh.setShares(where, { v1: 98, v2: 2 });
    await run(15);
    await say({ action: 'resume' });
    await run(30);
    expect(Math.max(...shares())).toBeLessThan(3);
  });
});

describe('the weights of several VirtualServices', () => {
  it('that are only lowered are lowered wherever they can be, whatever fails elsewhere', async () => {
    const { mesh, run, say, shares } = await three();
    for (const place of [where, gateway, broker]) mesh.moveByAnotherHand(place, 40);
    await run(15);
    mesh.breakDownAt(where, forbidden, 'writes');
    await say({ action: 'resume', drift: 'reassert' });
    await run(15);
    expect(shares()).toEqual([40, 5, 5]);
  });

  it('are raised to what one was found at only on proof, and it says which are', async () => {
    const { mesh, run, say, shares, state, told } = await three();
    mesh.moveByAnotherHand(where, 40);
    await run(15);
    await say({ action: 'resume', drift: 'adopt' });
    await run(15);
    expect([shares(), await state()]).toMatchObject([
      [40, 5, 5],
      { kind: 'holding', reason: { kind: 'unproven' } },
    ]);
    await run(300);
    expect(shares()).toEqual([40, 40, 40]);
    expect(await told()).toContain('Weight of v2 to go from 5 % to 40 % in edge/gateway and in edge/broker.');
  });
});
