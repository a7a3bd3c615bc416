import { describe, expect, it } from 'vitest';
import * as because from '../../src/rollout/because.ts';
import { explain } from '../../src/rollout/explain.ts';
import { type GitOps, healingAhead, type Mover } from '../../src/rollout/mover.ts';
import { Cause, PauseReason } from '../../src/rollout/reasons.ts';
import { baking } from './drive.ts';
import { planOf } from './places.ts';

const edited: Mover = { manager: 'kubectl-edit', operation: 'Update', at: '2026-11-23T10:00:05Z' };
const synced: Mover = { manager: 'argocd-controller', operation: 'Apply', at: '2026-11-23T10:00:05Z' };
const shop: GitOps = { tool: 'argoCd', name: 'shop' };

const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '30m' }, { type: 'promote' }];
type View = { canaryShare: number; movedBy?: Mover | null; gitOps?: GitOps | null };

async function moved(onDrift: 'pause' | 'reassert' | 'rollback', view: View) {
  const driven = await baking({ plan: planOf(steps, { onDrift }) });
  driven.world.share = view.canaryShare;
  await driven.turn({ view });
  return driven;
}

describe('weights that somebody else moved', () => {
  it('are told with the field manager and its time, in words and in the facts of the audit log', async () => {
    const { world } = await moved('pause', { canaryShare: 30, movedBy: edited });
    expect(explain(world.rollout, world.nextAt, world.now).what).toContain(
      "Somebody else (last to write the routes: field manager kubectl-edit at 2026-11-23 10:00:05Z) moved the canary's weight from 5 % to 30 %",
    );
    const told = world.events.find(({ type }) => type === 'drift.detected');
    expect(told?.facts).toMatchObject({ expected: 5, found: 30, movedBy: edited, gitOps: null });
  });

  it('are somebody’s when the API server does not tell', async () => {
    const { world } = await moved('pause', { canaryShare: 30 });
    expect(explain(world.rollout, world.nextAt, world.now).what).toMatch(
      /^Somebody else moved the canary's weight from 5 % to 30 % \(paused/,
    );
  });

  it('by a GitOps controller are told with the application, and with what makes it leave them alone', async () => {
    const { world } = await moved('pause', { canaryShare: 0, movedBy: synced, gitOps: shop });
    const { what } = explain(world.rollout, world.nextAt, world.now);
    expect(what).toContain(
      "Argo CD application shop (last to write the routes: field manager argocd-controller at 2026-11-23 10:00:05Z) moved the canary's weight from 5 % to 0 %, as it brings back what Git says",
    );
    expect(what).toContain('jqPathExpressions [".spec.http[].route[].weight"]');
    expect(what).toContain('RespectIgnoreDifferences=true');
  });

  it('by nobody known, on an object of a GitOps tool, may have been that tool', async () => {
    const { world } = await moved('pause', {
      canaryShare: 0,
      gitOps: { tool: 'flux', name: 'flux-system/shop' },
    });
    const { what } = explain(world.rollout, world.nextAt, world.now);
    expect(what).toContain(
      'Flux Kustomization flux-system/shop manages this VirtualService and may have done it',
    );
    expect(what).toContain('kustomize.toolkit.fluxcd.io/ssa: IfNotPresent');
  });

  it('by a person are not blamed on the GitOps tool of the object', async () => {
    const { world } = await moved('pause', { canaryShare: 30, movedBy: edited, gitOps: shop });
    expect(explain(world.rollout, world.nextAt, world.now).what).not.toContain('Argo CD');
  });

  it('and are written back name the writer too', async () => {
    const { world, status } = await moved('reassert', { canaryShare: 30, movedBy: synced, gitOps: shop });
    expect([status(), world.share]).toEqual(['running', 5]);
    const told = world.events.find(({ type }) => type === 'drift.detected');
    expect(told?.message).toMatch(/^Argo CD application shop .* to 30 %; writing 5 % again, .*RespectIgnore/);
    expect(told?.facts).toMatchObject({ movedBy: synced, gitOps: shop, onDrift: 'reassert' });
  });

  it('and send the rollout back name the writer in its cause', async () => {
    const { world, status } = await moved('rollback', { canaryShare: 30, movedBy: edited });
    expect(status()).toBe('rolled_back');
    expect(world.rollout.state).toMatchObject({ cause: { kind: 'drift', movedBy: edited } });
    expect(explain(world.rollout, world.nextAt, world.now).what).toContain(
      "(last to write the routes: field manager kubectl-edit at 2026-11-23 10:00:05Z) moved the canary's weight from 5 % to 30 %, and the plan says onDrift: rollback",
    );
  });
});

describe('a form that is not understood', () => {
  it('names who left it', async () => {
    const driven = await baking({ plan: planOf(steps) });
    const fault = {
      code: 'route-not-found' as const,
      path: 'spec.http',
      message: 'no route is named primary',
    };
    await driven.turn({ view: { kind: 'shape', fault, movedBy: edited, gitOps: null } });
    expect(driven.world.rollout.state).toMatchObject({ reason: { kind: 'shapeChanged', movedBy: edited } });
    expect(driven.lastMessage()).toBe(
      'Somebody else (last to write the routes: field manager kubectl-edit at 2026-11-23 10:00:05Z) changed the VirtualService into a form that canaryd does not edit: spec.http: no route is named primary; mend it with kubectl edit.',
    );
  });
});

describe('the annotation of another rollout', () => {
  const another = { kind: 'anotherRollout', rollout: 'ro_2', epoch: 4 } as const;

  it('is told as that rollout’s when canaryd wrote it', () => {
    expect(because.pause({ ...another, signedBy: null })).toBe(
      'another rollout, ro_2, has written this VirtualService since (epoch 4)',
    );
  });

  it('is told as forged when another hand wrote it', () => {
    expect(because.pause({ ...another, signedBy: edited })).toContain(
      'its annotation was written by field manager kubectl-edit at 2026-11-23 10:00:05Z, not by canaryd',
    );
  });
});

describe('what was stored before writers were known', () => {
  it.each([
    ['a drift', PauseReason, { kind: 'drift', expected: 5, found: 30 }],
    ['a drift that sent it back', Cause, { kind: 'drift', expected: 5, found: 30 }],
    ['another form', PauseReason, { kind: 'shapeChanged', why: 'spec.http' }],
  ])('is still read: %s', (_name, schema, stored) => {
    expect(schema.parse(stored)).toEqual({ ...stored, movedBy: null, gitOps: null });
  });

  it('is still read: another rollout', () => {
    const stored = { kind: 'anotherRollout', rollout: 'ro_2', epoch: 4 };
    expect(PauseReason.parse(stored)).toEqual({ ...stored, signedBy: null });
  });
});

describe('before the start', () => {
  it.each<[GitOps, string]>([
    [shop, 'Argo CD application shop manages this VirtualService: if it heals'],
    [{ tool: 'flux', name: 'apps/shop' }, 'Flux Kustomization apps/shop manages'],
    [{ tool: 'fluxHelm', name: 'apps/shop' }, 'spec.driftDetection.ignore'],
    [{ tool: 'configSync', name: null }, 'client.lifecycle.config.k8s.io/mutation: ignore'],
    [{ tool: 'fleet', name: 'default-shop' }, 'correctDrift.enabled'],
  ])('the marks of %o are a warning with the mend', (gitOps, expected) => {
    expect(healingAhead(gitOps)).toContain(expected);
  });
});
