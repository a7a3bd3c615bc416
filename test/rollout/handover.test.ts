import { describe, expect, it } from 'vitest';
import { allowedActions } from '../../src/rollout/allowed-actions.ts';
import { explain } from '../../src/rollout/explain.ts';
import type { Images } from '../../src/rollout/ports/mesh.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { mood } from './drive.ts';
import { type Driven, handingOver } from './places.ts';

const steps = [
  { type: 'setWeight', weight: 5 },
  { type: 'bake', duration: '60s' },
  { type: 'promote', bake: '60s' },
];

function mixed(...builds: string[]): Images {
  const all = builds.map((build) => imagesOf(build));
  return { kind: 'known', pods: all.flatMap((images) => (images.kind === 'known' ? images.pods : [])) };
}

const waiting = () => handingOver(steps);

/** Stable has all traffic and is watched; its requests are the ones that are judged. */
async function judging(): Promise<Driven> {
  const driven = await waiting();
  driven.images.stable = imagesOf('v2');
  await driven.run(10);
  return driven;
}

function phaseOf({ world }: Driven): string {
  const { state } = world.rollout;
  return state.kind === 'handingOver' ? state.phase : state.kind;
}

describe('a handover', () => {
  it('keeps all traffic on the canary until every ready pod of stable runs its images', async () => {
    const driven = await waiting();
    await driven.run(3600);
    expect([driven.status(), driven.world.share, phaseOf(driven)]).toEqual(['promoting', 100, 'waiting']);
    driven.images.stable = mixed('v1', 'v2');
    await driven.run(600);
    expect([driven.world.share, phaseOf(driven)]).toEqual([100, 'waiting']);
    const { what } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toContain("1 of 2 ready pods of v1 (stable) run the canary's images");
    driven.images.stable = imagesOf('v2');
    await driven.run(10);
    expect([driven.world.share, phaseOf(driven)]).toEqual([0, 'judging']);
  });

  it('gives stable all traffic in one write, in the form that the weights had before', async () => {
    const driven = await judging();
    expect(driven.world.writes.at(-1)).toEqual({ share: 0, end: true });
    expect(driven.types()).not.toContain('rollout.rolling_back');
  });

  it('watches stable for its bake, and then has succeeded with all traffic on stable', async () => {
    const driven = await judging();
    await driven.run(40);
    expect(driven.status()).toBe('promoting');
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 0]);
    expect(driven.lastMessage()).toBe('Succeeded: all traffic on v1 (stable).');
    expect(exitCodeOf(driven.world.rollout)).toBe(0);
  });

  it('has no deadline once all traffic is won, and pages somebody after a day', async () => {
    const driven = await waiting();
    await driven.run(86_400 + 60);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 100]);
    expect(driven.types().filter((type) => type === 'page')).toHaveLength(1);
    expect(driven.lastMessage()).toContain('The handover has waited for 24 h');
  });

  it('is not done while a hold order stands', async () => {
    const driven = await waiting();
    driven.world.order = {
      id: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
      cluster: null,
      namespace: null,
      by: { kind: 'person', name: 'bob' },
      reason: 'incident',
      at: driven.world.now,
    };
    driven.images.stable = imagesOf('v2');
    await driven.run(120);
    expect([driven.world.share, phaseOf(driven)]).toEqual([100, 'waiting']);
    driven.world.order = null;
    await driven.run(10);
    expect(driven.world.share).toBe(0);
  });

  it('waits, and says so, when pods may not be listed', async () => {
    const driven = await waiting();
    driven.images.stable = { kind: 'unknown', why: 'may not list pods' };
    await driven.run(60);
    const { what } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toContain('which images the pods of v1 run is not known: let canaryd list pods');
    expect(driven.world.share).toBe(100);
  });

  it('takes its write up again after a lost answer', async () => {
    const driven = await waiting();
    driven.images.stable = imagesOf('v2');
    await driven.turn({ write: 'lost' });
    await driven.run(10);
    expect([driven.world.share, phaseOf(driven)]).toEqual([0, 'judging']);
  });
});

describe('a breach during a handover', () => {
  it('goes back while no pod of stable runs the new images', async () => {
    const driven = await waiting();
    driven.canary(mood.failing);
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('from the first pod on keeps the weights, pages with what to type, and never claims a rollback', async () => {
    const driven = await waiting();
    driven.images.stable = mixed('v1', 'v2');
    driven.canary(mood.failing);
    await driven.run(600);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 100]);
    const { rollout } = driven.world;
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual(['no_way_back', 10]);
    const pages = driven.world.events.filter(({ type }) => type === 'page');
    expect(pages).toHaveLength(1);
    expect(pages[0]?.message).toMatch(
      /^No way back by weights.*5xx ratio of the canary was .*kubectl -n payment-prod rollout undo.*All traffic on v2|^No way back by weights.*kubectl -n payment-prod rollout undo/i,
    );
    expect(driven.types()).not.toContain('rollout.rolled_back');
  });

  it("goes back by itself once stable's new images were taken back", async () => {
    const driven = await waiting();
    driven.images.stable = mixed('v1', 'v2');
    driven.canary(mood.failing);
    await driven.run(60);
    driven.images.stable = imagesOf('v1');
    await driven.run(30);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('in the watch of stable keeps the weights and says that there is no way back', async () => {
    const driven = await judging();
    driven.stable(mood.failing);
    driven.world.events.length = 0;
    await driven.run(120);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 0]);
    expect(statusReasonOf(driven.world.rollout)).toBe('no_way_back');
    expect(driven.types()).toContain('rollout.no_way_back');
    expect(driven.say({ action: 'rollback' })).toMatchObject({
      kind: 'refused',
      refusal: { code: 'no-way-back' },
    });
  });

  it('is over when the checks pass again', async () => {
    const driven = await judging();
    driven.stable(mood.failing);
    await driven.run(60);
    driven.stable(mood.healthy);
    await driven.run(180);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 0]);
  });

  it("has ended as rolled back when stable's new images were taken back", async () => {
    const driven = await judging();
    driven.stable(mood.failing);
    await driven.run(60);
    driven.images.stable = imagesOf('v1');
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.lastMessage()).toContain("stable's pods run an image again that is not the canary's");
  });
});

describe('a person during a handover', () => {
  it('may roll back while stable runs the old images', async () => {
    const driven = await waiting();
    expect(allowedActions(driven.world.rollout)).toEqual(['rollback']);
    driven.say({ action: 'rollback' });
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('is told what to type when weights bring nobody back', async () => {
    const driven = await waiting();
    driven.images.stable = mixed('v1', 'v2');
    await driven.run(10);
    const refused = driven.say({ action: 'rollback' });
    expect(refused).toMatchObject({ kind: 'refused', refusal: { code: 'no-way-back' } });
    expect(allowedActions(driven.world.rollout)).toEqual([]);
  });

  it('may end the watch of stable, with a reason where it is not proven yet', async () => {
    const driven = await judging();
    expect(driven.say({ action: 'promote' })).toMatchObject({ refusal: { code: 'gate-not-ready' } });
    driven.say({ action: 'promote', override: ['checks'], reason: 'no traffic at night' });
    expect(driven.status()).toBe('succeeded');
  });
});
