import { describe, expect, it } from 'vitest';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { drive, mood } from './drive.ts';

describe('before the first percent', () => {
  it('starts at once from weights at rest and a stable that metrics can see', async () => {
    const driven = drive();
    await driven.turn();
    expect(driven.status()).toBe('running');
    expect(driven.world.share).toBe(5);
    expect(driven.types()).toContain('rollout.started');
  });

  it('waits for metrics for a minute, says so, and then gives up with nothing moved', async () => {
    const driven = drive();
    driven.metrics.breakDown('Prometheus at metrics.test refused the connection');
    await driven.run(59);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'preflight',
      waitingFor: 'no metrics: Prometheus at metrics.test refused the connection',
    });
    await driven.run(15);
    expect(driven.status()).toBe('preflight_failed');
    expect(driven.world.writes).toEqual([]);
    expect(driven.lastMessage()).toContain('no traffic was moved');
  });

  it('starts when the metrics come back in time', async () => {
    const driven = drive();
    driven.metrics.breakDown();
    await driven.run(30);
    driven.metrics.restore();
    await driven.run(15);
    expect(driven.status()).toBe('running');
  });

  it('waits until requests that the canary had before are out of every window', async () => {
    const driven = drive();
    driven.metrics.script(Array.from({ length: 5 }, () => ({ canary: mood.failing })));
    await driven.run(40);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'preflight' });
    expect(driven.world.rollout.state).toHaveProperty(
      'waitingFor',
      expect.stringContaining('1000 requests on v2'),
    );
    await driven.run(40);
    expect(driven.status()).toBe('running');
  });

  it('does not wait for ever for a canary that somebody else keeps sending requests to', async () => {
    const driven = drive();
    driven.metrics.script(Array.from({ length: 20 }, () => ({ canary: mood.healthy })));
    await driven.run(75);
    expect(driven.status()).toBe('running');
  });

  it.each([
    ['the VirtualService is gone', { kind: 'missing' as const }, 'is gone'],
    ['the canary has traffic already', { canaryShare: 10 }, 'already has 10 %'],
    ["stable's destination is gone", { hasStable: false }, 'is gone from the route'],
    ['the VirtualService was created anew', { uid: 'another' }, 'created anew'],
  ])('refuses at once when %s', async (_name, view, message) => {
    const driven = drive();
    await driven.turn({ view });
    expect(driven.status()).toBe('preflight_failed');
    expect(driven.lastMessage()).toContain(message);
    expect(driven.world.writes).toEqual([]);
  });

  it.each([
    ['stable has no ready pod', 'stable' as const, 'stable_not_ready'],
    ['the canary has no ready pod', 'canary' as const, 'canary_not_ready'],
  ])('holds at 0 %% while %s, and goes on by itself', async (_name, arm, reason) => {
    const driven = drive();
    driven.pods[arm] = { kind: 'known', ready: 0, total: 3 };
    await driven.run(30);
    expect(driven.status()).toBe('holding');
    expect(statusReasonOf(driven.world.rollout)).toBe(reason);
    expect(driven.world.share).toBe(0);
    driven.pods[arm] = { kind: 'known', ready: 3, total: 3 };
    await driven.run(15);
    expect(driven.status()).toBe('running');
    expect(driven.world.share).toBe(5);
  });
});
