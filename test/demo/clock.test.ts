import { describe, expect, it } from 'vitest';
import { clockOf, reachedStep, stepEndIn } from '../../demo/live/clock.ts';
import { event } from './fake-world.ts';
import { baking } from './states.ts';

const at = (time: string) => Date.parse(`2026-11-23T${time}.000Z`);
const started = [event(1, 'step.started', '05:46:00', { step: 3 })];
const promoting = { ...baking, step: { index: 6, total: 7, type: 'promote' } };

describe('the clock of a step', () => {
  it('counts from the start of a bake', () => {
    expect(clockOf({ release: baking, events: started, stepEnd: null }, at('05:46:11'))).toEqual({
      elapsedSeconds: 11,
      ofSeconds: 20,
      stands: false,
    });
  });

  it.each(['rollout.holding', 'rollout.paused'])('stands still after %s', (type) => {
    const events = [...started, event(2, type, '05:46:05')];
    const stopped = { ...baking, status: type === 'rollout.holding' ? 'holding' : 'paused' };
    expect(clockOf({ release: stopped, events, stepEnd: null }, at('05:50:00'))).toEqual({
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
    expect(clockOf({ release: baking, events, stepEnd: null }, at('05:48:03'))?.elapsedSeconds).toBe(8);
  });

  it('begins at 100 % only once 100 % was read back', () => {
    const events = [event(1, 'step.started', '05:46:00'), event(2, 'weight.applied', '05:46:07')];
    expect(
      clockOf({ release: promoting, events: events.slice(0, 1), stepEnd: null }, at('05:46:09')),
    ).toBeNull();
    const full = { ...promoting, weight: { desired: 100, applied: 100 } };
    expect(clockOf({ release: full, events, stepEnd: null }, at('05:46:09'))).toEqual({
      elapsedSeconds: 2,
      ofSeconds: 15,
      stands: false,
    });
  });

  it('is none for a step without a time, and none outside of steps', () => {
    expect(
      clockOf(
        {
          release: { ...baking, step: { index: 5, total: 7, type: 'pause' } },
          events: started,
          stepEnd: null,
        },
        0,
      ),
    ).toBeNull();
    expect(
      clockOf(
        {
          release: { ...baking, step: { index: 0, total: 7, type: 'setWeight' } },
          events: started,
          stepEnd: null,
        },
        0,
      ),
    ).toBeNull();
    expect(clockOf({ release: { ...baking, step: null }, events: started, stepEnd: null }, 0)).toBeNull();
  });
});

describe('the clock of a step, by the words of canaryd', () => {
  const going = (time: string) => ({
    ...baking,
    explanation: { ...baking.explanation, next: `Looks again in 1 s and goes on at ${time} or later.` },
  });
  const holding = {
    ...baking,
    status: 'holding',
    explanation: {
      ...baking.explanation,
      what: 'Holding since 05:46:08Z: no usable metrics since 05:46:06Z.',
      next: 'Looks again now and goes on by itself when this is over, or rolls back at 06:01:08Z.',
    },
  };
  const late = [...started, event(2, 'rollout.holding', '05:46:11'), event(3, 'rollout.resumed', '05:46:31')];
  const begun = stepEndIn(going('05:46:20Z'), null);

  it('stands at the moment that canaryd names, not when the event was written down', () => {
    const clock = clockOf(
      { release: holding, events: late, stepEnd: stepEndIn(holding, begun) },
      at('05:46:25'),
    );
    expect(clock).toEqual({ elapsedSeconds: 8, ofSeconds: 20, stands: true });
  });

  it('agrees after a hold with the time at which it goes on', () => {
    const release = going('05:46:40Z');
    const clock = clockOf({ release, events: late, stepEnd: stepEndIn(release, begun) }, at('05:46:31'));
    expect(clock?.elapsedSeconds).toBe(11);
  });

  it('goes over midnight', () => {
    const release = going('2026-11-24 00:00:10Z');
    const stepEnd = stepEndIn(release, null);
    expect(clockOf({ release, events: [], stepEnd }, at('23:59:55'))?.elapsedSeconds).toBe(5);
    const after = stepEndIn(going('00:00:10Z'), null);
    expect(clockOf({ release, events: [], stepEnd: after }, at('23:59:55'))?.elapsedSeconds).toBe(5);
  });

  it('forgets the end of another step', () => {
    const next = { ...holding, step: { index: 5, total: 7, type: 'pause' } };
    expect(stepEndIn(next, begun)).toBeNull();
    expect(stepEndIn({ ...holding, step: null }, begun)).toBeNull();
  });
});

it('the step that was reached is known after the end, too', () => {
  expect(reachedStep([...started, event(2, 'rollout.rolled_back', '05:47:00')])).toBe(3);
  expect(reachedStep([])).toBe(0);
});
