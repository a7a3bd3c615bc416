import { openJudge } from '../../src/analysis/sequential/open-judge.ts';
import { usualSettings } from '../../src/analysis/sequential/settings.ts';
import type { Verdict } from '../../src/analysis/sequential/verdict.ts';
import { verdictOf } from '../../src/analysis/sequential/verdict-of.ts';
import { withPoll } from '../../src/analysis/sequential/with-poll.ts';

/** What the sequential judge finds after three polls of 15 s in which so much of the canary failed, at 5 %. */
export function verdictAt(canaryErrors: number): Verdict {
  const step = { seconds: 300 };
  const stable = { requests: 2850, errors: 14, buckets: [] };
  const canary = { requests: 150, errors: Math.round(150 * canaryErrors), buckets: [] };
  const at = (poll: number) => ({ at: 15 * poll, step: 0, stepSeconds: 15 * poll, share: 5, canary, stable });
  const state = [1, 2, 3].reduce(
    (before, poll) => withPoll(before, at(poll), usualSettings, step).state,
    openJudge({ boundsMs: [], pods: [] }, usualSettings),
  );
  return verdictOf(state, usualSettings, step);
}
