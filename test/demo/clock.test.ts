import { describe, expect, it } from 'vitest';
import { clockOf, reachedStep } from '../../demo/live/clock.ts';
import { event } from './fake-world.ts';
import { baking } from './states.ts';

const at = (time: string) => Date.parse(`2026-11-23T${time}.000Z`);
const started = [event(1, 'step.started', '05:46:00', { step: 3 })];
const promoting = { ...baking, step: { index: 6, total: 7, type: 'promote' } };

describe('the clock of a step', () => {
  it('counts from the start of a bake', () => {
    expect(clockOf(baking, started, at('05:46:11'))).toEqual({
      elapsedSeconds: 11,
      ofSeconds: 20,
      stands: false,
    });
  });

  it.each(['rollout.holding', 'rollout.paused'])('stands still after %s', (type) => {
    const events = [...started, event(2, type, '05:46:05')];
    const stopped = { ...baking, status: type === 'rollout.holding' ? 'holding' : 'paused' };
    expect(clockOf(stopped, events, at('05:50:00'))).toEqual({
      elapsedSeconds: 5,
      ofSeconds: 20,
      stands: true,
    });
  });

  it('goes on where it stood', () => {
    const events = [
      ...started,
      event(2, 'rollout.holding', '05:46:05'),
      event(3, 'rollout.resumed', '05:48:00'),
    ];
    expect(clockOf(baking, events, at('05:48:03'))?.elapsedSeconds).toBe(8);
  });

  it('begins at 100 % only once 100 % was read back', () => {
    const events = [event(1, 'step.started', '05:46:00'), event(2, 'weight.applied', '05:46:07')];
    expect(clockOf(promoting, events.slice(0, 1), at('05:46:09'))).toBeNull();
    const full = { ...promoting, weight: { desired: 100, applied: 100 } };
    expect(clockOf(full, events, at('05:46:09'))).toEqual({
      elapsedSeconds: 2,
      ofSeconds: 15,
      stands: false,
    });
  });

  it('is none for a step without a time, and none outside of steps', () => {
    expect(clockOf({ ...baking, step: { index: 5, total: 7, type: 'pause' } }, started, 0)).toBeNull();
    expect(clockOf({ ...baking, step: { index: 0, total: 7, type: 'setWeight' } }, started, 0)).toBeNull();
    expect(clockOf({ ...baking, step: null }, started, 0)).toBeNull();
  });
});

it('the step that was reached is known after the end, too', () => {
  expect(reachedStep([...started, event(2, 'rollout.rolled_back', '05:47:00')])).toBe(3);
  expect(reachedStep([])).toBe(0);
});
