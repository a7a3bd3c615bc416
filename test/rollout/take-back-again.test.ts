import { describe, expect, it } from 'vitest';
import { act } from '../../src/rollout/act.ts';
import { type Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { aRollout, paymentTarget, rolloutId } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { bob, start } from './drive.ts';

/** Asks for `rollout` to be taken back where these others have been. */
async function takenBack(rollout: Rollout, others: Rollout[]) {
  const rollouts = memoryStore({ now: () => start });
  for (const one of [rollout, ...others]) {
    await rollouts.create(aRollout({ id: one.id }), [], null);
    const change = { rollout: one, events: [], nextAt: null };
    await rollouts.command(one.id, () => ({ change, answer: null, remember: null }));
  }
  const mesh = fakeMesh();
  const deps = { mesh, rollouts, newId: () => rolloutId(9), deadline: () => new AbortController().signal };
  return act(deps, { id: rollout.id, command: { action: 'rollback' }, actor: bob, remember: null });
}

function succeeded(number: number, over: Partial<Rollout> = {}): Rollout {
  return aRollout({
    id: rolloutId(number),
    createdAt: start + number,
    state: { kind: 'succeeded', at: start },
    traffic: trafficAt(100, start),
    ...over,
  });
}

const { canary } = paymentTarget;
const first = succeeded(1);
const second = succeeded(2, {
  target: { ...paymentTarget, stable: canary, canary: { ...canary, subset: 'v3', version: 'v3' } },
});

describe('of two rollouts that succeeded one after the other', () => {
  it('the first cannot be taken back before the second', async () => {
    expect(await takenBack(first, [second])).toMatchObject({
      kind: 'refused',
      refusal: { message: expect.stringContaining(`A later rollout, ${second.id}`) },
    });
  });

  it('the first can be taken back, too, once the second was', async () => {
    const back = succeeded(3, {
      rollbackOf: second.id,
      state: {
        kind: 'rolledBack',
        at: start,
        since: start,
        cause: { kind: 'operator', reason: null },
        by: bob,
      },
    });
    expect(await takenBack(first, [second, back])).toMatchObject({
      kind: 'accepted',
      rollout: { rollbackOf: first.id },
    });
  });

  it('the first can be taken back when the second moved another route', async () => {
    const routes = paymentTarget.routes.map((one) => ({
      ...one,
      key: { kind: 'http' as const, name: 'search' },
    }));
    const elsewhere = succeeded(2, { target: { ...paymentTarget, route: 'search', routes } });
    expect(await takenBack(first, [elsewhere])).toMatchObject({ kind: 'accepted' });
  });

  it('the first cannot be taken back when the second moved its route beside another', async () => {
    const { namespace, virtualService, uid, routes } = paymentTarget;
    const also = [{ namespace, virtualService, uid, routes }];
    const beside = succeeded(2, {
      target: { ...paymentTarget, virtualService: 'gateway', uid: 'uid-2', also },
    });
    expect(await takenBack(first, [beside])).toMatchObject({
      refusal: { message: expect.stringContaining(`A later rollout, ${rolloutId(2)}`) },
    });
  });
});
