import { describe, expect, it } from 'vitest';
import { Plan } from '../../../src/rollout/plan.ts';
import { areUnfit, placedIn, stagesOf } from '../../../src/rollout/replay/stages.ts';
import { plan, recorded } from './recordings.ts';

const stepsOf = (steps: Parameters<typeof Plan.parse>[0]) => Plan.parse({ ...plan, steps }).steps;
const shown = (steps: Parameters<typeof stagesOf>[0]) =>
  stagesOf(steps).map(({ share, bakeSeconds }) => [share, bakeSeconds]);

describe('the shares of a plan', () => {
  it('are baked as long as the bakes until the next one, and promote is the last', () => {
    const steps = stepsOf([
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: 300 },
      { type: 'approval' },
      { type: 'bake', duration: 60 },
      { type: 'setWeight', weight: 100 },
      { type: 'bake', duration: 120 },
      { type: 'promote', bake: 60 },
    ]);
    expect(shown(steps)).toEqual([
      [5, 360],
      [100, 180],
    ]);
  });

  it('begin at 0 % where a header route is baked before the first weight', () => {
    const steps = stepsOf([
      { type: 'setHeaderRoute', match: [{ headers: { 'x-canary': { exact: 'true' } } }] },
      { type: 'bake', duration: 120 },
      { type: 'setWeight', weight: 50 },
      { type: 'bake', duration: 60 },
      { type: 'promote' },
    ]);
    expect(shown(steps)).toEqual([
      [0, 120],
      [50, 60],
      [100, 0],
    ]);
    expect(stagesOf(steps)[0]?.managed).toMatchObject([{ kind: 'header', name: 'header' }]);
  });
});

describe('the polls of a recording', () => {
  it('begin a step where the share changes, at the poll before', () => {
    const placed = placedIn(plan, recorded(45));
    if (areUnfit(placed)) throw new Error('they are unfit');
    const at = (number: number) => {
      const { step, stepSeconds, stage } = placed[number] ?? {};
      return [step, stepSeconds, stage?.share];
    };
    expect([at(0), at(19), at(20), at(44)]).toEqual([
      [0, 15, 5],
      [0, 300, 5],
      [1, 15, 25],
      [2, 75, 100],
    ]);
  });

  it('after the last bake belong to the last step', () => {
    const placed = placedIn(plan, recorded(100));
    if (areUnfit(placed)) throw new Error('they are unfit');
    expect(placed.at(-1)).toMatchObject({ step: 2, stepSeconds: 900, stage: { bakeSeconds: 300 } });
  });

  it('at a share that a plan comes to twice belong to one after the other', () => {
    const twice = Plan.parse({
      ...plan,
      steps: [
        { type: 'setWeight', weight: 5 },
        { type: 'bake', duration: 60 },
        { type: 'setWeight', weight: 25 },
        { type: 'bake', duration: 120 },
        { type: 'setWeight', weight: 5, reduce: true },
        { type: 'bake', duration: 180 },
        { type: 'promote' },
      ],
    });
    const recording = recorded(3);
    const polls = recording.polls.map((poll, number) => ({ ...poll, share: [5, 25, 5][number] ?? 5 }));
    const placed = placedIn(twice, { ...recording, polls });
    if (areUnfit(placed)) throw new Error('they are unfit');
    expect(placed.map(({ stage }) => stage.bakeSeconds)).toEqual([60, 120, 180]);
  });

  it('at a share that the plan has not are refused once, with the shares that it has', () => {
    const recording = recorded(3);
    const polls = recording.polls.map((poll) => ({ ...poll, share: 7 }));
    expect(placedIn(plan, { ...recording, polls })).toEqual([
      {
        file: 'input',
        path: ['polls', 0, 'share'],
        message:
          'the plan has no step at 7 %, but at 5 %, 25 %, 100 %: give it one, or replay with the plan of this rollout',
      },
    ]);
  });

  it('that are further apart than a check looks back are refused, with what to write', () => {
    const found = placedIn(plan, { ...recorded(3), scrapeSeconds: 60 });
    expect(found).toMatchObject([
      { file: 'plan', path: ['checks', 'errors', 'window'] },
      { file: 'plan', path: ['checks', 'p99', 'window'], message: expect.stringContaining('120 s') },
    ]);
  });

  it('without a histogram are refused for a plan that judges latency', () => {
    const found = placedIn(plan, { ...recorded(3), boundsMs: [] });
    expect(found).toMatchObject([
      { file: 'input', path: ['boundsMs'], message: expect.stringContaining("the plan's check p99") },
    ]);
  });
});
