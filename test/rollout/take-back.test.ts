import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/rollout/command.ts';
import { explain } from '../../src/rollout/explain.ts';
import type { MeshView, SplitView } from '../../src/rollout/ports/mesh.ts';
import { type Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import { refusedTakeBack, takingBack } from '../../src/rollout/take-back.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { bob, drive, ready, start } from './drive.ts';

const rollback: Extract<Command, { action: 'rollback' }> = { action: 'rollback' };
const succeeded = aRollout({
  state: { kind: 'succeeded', at: start },
  traffic: trafficAt(100, start),
});
const asked = { id: rolloutId(2), reason: 'customers report failed payments', by: bob, now: start + 60_000 };

function seen(over: Omit<Partial<SplitView>, 'kind'> = {}): SplitView {
  return {
    kind: 'split',
    uid: succeeded.target.uid,
    snapshot: null,
    canaryShare: 100,
    hasStable: true,
    foreign: null,
    stableHasOtherRoutes: false,
    canaryHasOtherRoutes: false,
    managedRoutes: [],
    changedRoutes: [],
    owner: null,
    movedBy: null,
    signedBy: null,
    gitOps: null,
    rolledBack: null,
    readiness: { stable: ready, canary: ready },
    images: { stable: imagesOf('v1'), canary: imagesOf('v2') },
    ...over,
  };
}

function refusal(over: { rollout?: Rollout; newest?: Rollout | null; view?: MeshView } = {}) {
  return refusedTakeBack({ rollout: succeeded, newest: succeeded, view: seen(), ...over }, rollback);
}

describe('a succeeded rollout that somebody takes back', () => {
  it('stays what it is: a new rollout goes back from its first moment', () => {
    const { rollout, event } = takingBack({ rollout: succeeded, newest: succeeded, view: seen() }, asked);
    expect(rollout).toMatchObject({
      id: rolloutId(2),
      rollbackOf: succeeded.id,
      requestedBy: bob,
      state: { kind: 'rollingBack', by: bob },
      traffic: { desired: 0, applied: 100 },
    });
    expect(event.message).toBe('Rolling back: bob asked for it: customers report failed payments.');
    expect(explain(rollout, asked.now, asked.now).traffic).toBe('All traffic on v2 (canary).');
  });

  it('has all traffic on the old version again once that was read back', async () => {
    const { rollout } = takingBack({ rollout: succeeded, newest: succeeded, view: seen() }, asked);
    const driven = drive(rollout);
    driven.world.share = 100;
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.lastMessage()).toContain('all traffic on v1 (stable)');
  });

  it('is taken back although the mesh cannot be read now: it is tried until it is done', () => {
    const view: MeshView = { kind: 'unavailable', reason: 'timeout', why: 'no answer' };
    expect(refusal({ view })).toBeNull();
    const { rollout } = takingBack({ rollout: succeeded, newest: succeeded, view }, asked);
    expect(rollout.traffic.applied).toBe(100);
  });

  it('is refused when a later rollout has moved traffic since, with its id', () => {
    const later = aRollout({ id: rolloutId(9), state: { kind: 'succeeded', at: start } });
    expect(refusal({ newest: later })?.message).toBe(
      `A later rollout, ${rolloutId(9)}, has moved traffic since. Roll that one back instead.`,
    );
  });

  it('is refused when its version has no traffic any more', () => {
    expect(refusal({ view: seen({ canaryShare: 0 }) })?.message).toBe(
      'v2 has no traffic now, so there is nothing to take back.',
    );
  });

  it('is refused when the old destination is gone, with the mend', () => {
    expect(refusal({ view: seen({ hasStable: false }) })?.message).toContain('Add it with weight 0');
  });

  it('is refused after a handover, with the command that takes the images back', () => {
    const rollout = { ...succeeded, plan: { ...succeeded.plan, onSuccess: 'handover' as const } };
    expect(refusal({ rollout, newest: rollout })).toMatchObject({
      code: 'no-way-back',
      message: expect.stringContaining('kubectl -n payment-prod rollout undo'),
    });
  });

  it('is refused on a view that is no longer true', () => {
    const stale = refusedTakeBack(
      { rollout: succeeded, newest: succeeded, view: seen() },
      { action: 'rollback', expect: { revision: 99 } },
    );
    expect(stale?.code).toBe('stale-view');
  });
});
