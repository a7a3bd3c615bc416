import { describe, expect, it } from 'vitest';
import { allowedActions } from '../../src/rollout/allowed-actions.ts';
import { explain } from '../../src/rollout/explain.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import { imagesOf, podsOf } from '../fakes/mesh.ts';
import { baking, mood, noneReady, ready } from './drive.ts';
import { type Driven, handingOver, planOf } from './places.ts';

function what(driven: Driven): string {
  return explain(driven.world.rollout, driven.world.nextAt, driven.world.now).what;
}

describe('the way back in a handover', () => {
  it('is closed by the first pod of stable with the new images, ready or not', async () => {
    const driven = await handingOver();
    driven.images.stable = podsOf(['v1', true], ['v2', false]);
    driven.canary(mood.failing);
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 100]);
    expect(statusReasonOf(driven.world.rollout)).toBe('no_way_back');
  });

  it('is not open again because no pod of stable is ready', async () => {
    const driven = await handingOver();
    driven.images.stable = podsOf(['v1', true], ['v2', true]);
    await driven.run(10);
    driven.images.stable = podsOf();
    driven.pods.stable = noneReady;
    driven.canary(mood.failing);
    await driven.run(60);
    expect(statusReasonOf(driven.world.rollout)).toBe('no_way_back');
  });

  it('is not forgotten when somebody moves the weight', async () => {
    const driven = await handingOver();
    driven.images.stable = podsOf(['v1', true], ['v2', true]);
    await driven.run(10);
    driven.world.share = 60;
    driven.canary(mood.failing);
    await driven.run(60);
    expect(driven.types()).toContain('drift.detected');
    expect(driven.types()).not.toContain('rollout.rolled_back');
    expect([driven.status(), statusReasonOf(driven.world.rollout)]).toEqual(['promoting', 'no_way_back']);
    expect(explain(driven.world.rollout, null, driven.world.now).traffic).toContain('60 % of traffic on v2');
  });

  it('that a rollback began on is a lie once stable runs the new images: it never ends as rolled back', async () => {
    const driven = await handingOver();
    driven.say({ action: 'rollback' });
    driven.images.stable = imagesOf('v2');
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolling_back', 100]);
    const { rollout } = driven.world;
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual(['no_way_back', 10]);
    expect(driven.types().filter((type) => type === 'page')).toHaveLength(1);
    driven.images.stable = imagesOf('v1');
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });
});

describe('somebody who moves the weights in a handover', () => {
  it('long after the deadline does not send it back', async () => {
    const driven = await handingOver();
    await driven.run(4 * 3600);
    driven.world.share = 80;
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 80]);
    driven.images.stable = imagesOf('v2');
    await driven.run(200);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 0]);
  });

  it('after it, is told what to set, where traffic is, and that it has not ended', async () => {
    const driven = await handingOver();
    driven.images.stable = imagesOf('v2');
    await driven.run(10);
    driven.world.share = 30;
    await driven.run(100);
    expect(driven.status()).toBe('promoting');
    expect(what(driven)).toContain('somebody gave 30 % back to v2: set it to 0');
    expect(explain(driven.world.rollout, null, driven.world.now).traffic).toContain('30 % of traffic on v2');
    expect(allowedActions(driven.world.rollout)).toEqual([]);
    driven.world.share = 0;
    await driven.run(200);
    expect(driven.status()).toBe('succeeded');
  });
});

describe('a handover', () => {
  it('is not over while stable is being taken back pod by pod', async () => {
    const driven = await handingOver();
    driven.images.stable = imagesOf('v2');
    await driven.run(10);
    driven.images.stable = podsOf(['v1', true], ['v2', true]);
    await driven.run(300);
    expect(driven.status()).toBe('promoting');
    expect(what(driven)).toContain("1 of 2 ready pods of v1 (stable) run the canary's images");
  });

  it('goes on from a write that stands there although no answer ever came', async () => {
    const driven = await handingOver();
    driven.images.stable = imagesOf('v2');
    await driven.run(200, { write: 'lost' });
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 0]);
  });

  it('goes on once pods may be listed that could not be listed before', async () => {
    const driven = await baking({
      plan: planOf([{ type: 'promote', bake: '60s' }], { onSuccess: 'handover', handoverBake: '60s' }),
    });
    driven.world.rollout = { ...driven.world.rollout, identity: null };
    driven.images.canary = { kind: 'unknown', why: 'may not list pods' };
    driven.images.stable = { kind: 'unknown', why: 'may not list pods' };
    while (driven.world.rollout.state.kind !== 'handingOver') await driven.run(10);
    driven.images.canary = imagesOf('v2');
    driven.images.stable = imagesOf('v2');
    await driven.run(200);
    expect(driven.status()).toBe('succeeded');
  });

  it('pages somebody after three minutes without metrics, and goes back after fifteen', async () => {
    const driven = await handingOver();
    driven.canary(mood.unavailable);
    await driven.run(200);
    expect(driven.types().filter((type) => type === 'page')).toHaveLength(1);
    await driven.run(800);
    expect(driven.status()).toBe('rolled_back');
  });

  it('closes an open write although there is no way back', async () => {
    const driven = await handingOver();
    driven.images.stable = imagesOf('v2');
    await driven.turn({ write: { kind: 'ambiguous', why: 'timeout' } });
    expect(driven.world.rollout.traffic.intent).not.toBeNull();
    driven.canary(mood.failing);
    await driven.run(60);
    expect(driven.world.rollout.traffic.intent).toBeNull();
  });

  it('keeps a stable without its destination as it is, and says what to put back', async () => {
    const driven = await handingOver();
    driven.images.stable = imagesOf('v2');
    const written = driven.world.writes.length;
    await driven.run(30, { view: { hasStable: false } });
    expect(driven.world.writes).toHaveLength(written);
    expect(what(driven)).toContain("stable's destination is gone from the route");
    driven.pods.stable = ready;
  });

  it('whose VirtualService stays away goes back after a minute, and says that nothing could be restored', async () => {
    const driven = await handingOver();
    await driven.run(50, { view: { kind: 'missing' } });
    expect(driven.status()).toBe('promoting');
    await driven.run(30, { view: { kind: 'missing' } });
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rollingBack',
      cause: { kind: 'targetMissing' },
    });
    await driven.run(90, { view: { kind: 'missing' } });
    expect(driven.status()).toBe('rollback_failed');
  });

  it('whose VirtualService was away for a moment goes on', async () => {
    const driven = await handingOver();
    await driven.run(50, { view: { kind: 'missing' } });
    await driven.run(20);
    await driven.run(50, { view: { kind: 'missing' } });
    expect(driven.status()).toBe('promoting');
  });
});
