import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openJudge } from '../../../src/analysis/sequential/open-judge.ts';
import type { Baseline, Increment, Poll } from '../../../src/analysis/sequential/poll.ts';
import type { JudgeSettings } from '../../../src/analysis/sequential/settings.ts';
import { JudgeState } from '../../../src/analysis/sequential/state.ts';
import { verdictOf } from '../../../src/analysis/sequential/verdict-of.ts';
import { withPoll } from '../../../src/analysis/sequential/with-poll.ts';
import { sentenceOf } from '../../../src/analysis/sequential/words.ts';
import { boundsMs, calmHistory, noHistory, numbersIn, settings } from './rollouts.ts';

const count = fc.oneof(
  fc.constantFrom(0, 0, 1, 1e-300, 0.5, 1e9, 1e12, 1e13, 1e300, Number.MAX_VALUE),
  fc.integer({ min: 0, max: 3000 }),
  fc.double({ min: 0, max: 500, noNaN: true }),
);
const absurd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1);
const buckets: fc.Arbitrary<number[]> = fc.oneof(
  fc.constant<number[]>([]),
  fc.array(count, { minLength: boundsMs.length + 1, maxLength: boundsMs.length + 1 }),
  fc.array(count, { maxLength: 9 }),
);
const increment: fc.Arbitrary<Increment> = fc.record({
  requests: fc.oneof({ weight: 20, arbitrary: count }, { weight: 1, arbitrary: absurd }),
  errors: fc.oneof({ weight: 20, arbitrary: count }, { weight: 1, arbitrary: absurd }),
  buckets,
});
const share = fc.oneof(
  fc.constantFrom(0, 0.01, 5, 50, 99, 100),
  fc.double({ min: 0, max: 100, noNaN: true }),
);
const arm = fc.option(increment, { freq: 12 });

const rollout: fc.Arbitrary<Poll[]> = fc
  .array(fc.record({ share, canary: arm, stable: arm, raises: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((looks) => {
    let step = 0;
    let stepSeconds = 0;
    return looks.map(({ raises, ...rest }, at) => {
      step += raises ? 1 : 0;
      stepSeconds = raises ? 15 : stepSeconds + 15;
      return { at: 15 * (at + 1), step, stepSeconds, ...rest };
    });
  });

const history: fc.Arbitrary<Baseline> = fc.oneof(
  fc.constantFrom(calmHistory, noHistory, { boundsMs: [], pods: [] }),
  fc
    .array(
      fc.array(
        fc.record({
          requests: fc.integer({ min: 0, max: 500 }),
          errors: fc.integer({ min: 0, max: 600 }),
          buckets: fc.array(fc.integer({ min: 0, max: 100 }), {
            minLength: boundsMs.length + 1,
            maxLength: boundsMs.length + 1,
          }),
        }),
        { maxLength: 5 },
      ),
      { maxLength: 4 },
    )
    .map((pods) => ({ boundsMs, pods })),
);

const plans: fc.Arbitrary<JudgeSettings> = fc
  .record({
    attribution: fc.constantFrom('canaryOnly', 'absolute'),
    dispersion: fc.constantFrom<(number | 'pods')[]>('pods', 1, 7.5),
    max: fc.constantFrom(0, 0.01, 0.5, 1),
    maxMs: fc.constantFrom(50, 800, 2500, 9000),
    quantile: fc.constantFrom(0, 0.5, 0.99, 1),
  })
  .map(({ attribution, dispersion, max, maxMs, quantile }) => ({
    ...settings,
    attribution,
    dispersion,
    limits: [
      { id: 'errors', metric: 'errorRate', max },
      { id: 'slow', metric: 'latency', quantile, maxMs },
    ],
  }));

const step = { seconds: 300 };

describe('the judge', () => {
  it('rules the same after a restart at any poll', () => {
    fc.assert(
      fc.property(history, plans, rollout, (baseline, plan, polls) => {
        let kept = openJudge(baseline, plan);
        let restored = kept;
        for (const poll of polls) {
          const one = withPoll(kept, poll, plan, step);
          const other = withPoll(restored, poll, plan, step);
          expect(other).toEqual(one);
          kept = one.state;
          restored = JudgeState.parse(JSON.parse(JSON.stringify(other.state)));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('never holds, shows or decides by a number that is none, whatever the metrics say', () => {
    fc.assert(
      fc.property(history, plans, rollout, (baseline, plan, polls) => {
        let state = openJudge(baseline, plan);
        for (const poll of polls) {
          const judged = withPoll(state, poll, plan, step);
          state = judged.state;
          const verdict = verdictOf(state, plan, step);
          expect(numbersIn([judged, verdict]).filter((number) => !Number.isFinite(number))).toEqual([]);
        }
        const verdict = verdictOf(state, plan, step);
        const words = sentenceOf(verdict, { canary: 'v2', share: 5, stepSeconds: 60, settings: plan });
        expect(words).not.toMatch(/NaN|Infinity|undefined|null/);
      }),
      { numRuns: 150 },
    );
  });

  it('changes no state that it was given', () => {
    fc.assert(
      fc.property(rollout, (polls) => {
        const opened = openJudge(calmHistory, settings);
        const before = JSON.stringify(opened);
        for (const poll of polls) withPoll(opened, poll, settings, step);
        expect(JSON.stringify(opened)).toBe(before);
      }),
      { numRuns: 30 },
    );
  });
});
