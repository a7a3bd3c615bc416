import { openJudge } from '../../../src/analysis/sequential/open-judge.ts';
import type { Baseline, Increment, Poll } from '../../../src/analysis/sequential/poll.ts';
import { type JudgeSettings, usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { type Judged, withPoll } from '../../../src/analysis/sequential/with-poll.ts';

export const boundsMs = [100, 250, 500, 1000, 2500];

/** One arm in one poll: of all requests so many failed, and so many took over 500 ms (up to 1000). */
export function answered(requests: number, errors: number, slow = 0.02 * requests): Increment {
  const fast = requests - slow;
  return { requests, errors, buckets: [fast / 2, fast * 0.4, fast * 0.1, slow, 0, 0] };
}

/** Ten pods of stable, half an hour, all alike: 0.5 % errors, 2 % slow. */
export const calmHistory: Baseline = {
  boundsMs,
  pods: Array.from({ length: 10 }, () => Array.from({ length: 30 }, () => answered(1000, 5))),
};

export const noHistory: Baseline = { boundsMs, pods: [] };

/** The bank's two rules. */
export const settings: JudgeSettings = {
  ...usualSettings,
  limits: [
    { id: 'errors', metric: 'errorRate', max: 0.01 },
    { id: 'p99', metric: 'latency', quantile: 0.99, maxMs: 2000 },
  ],
};

const pollSeconds = 15;

/** The poll with this number, from 0, of a step of 300 s. */
export function pollAt(number: number, fields: Partial<Poll>): Poll {
  const step = Math.floor(number / 20);
  return {
    at: pollSeconds * (number + 1),
    step,
    stepSeconds: pollSeconds * (number + 1 - 20 * step),
    share: 5,
    canary: answered(150, 0.75),
    stable: answered(2850, 14.25),
    ...fields,
  };
}

/** What each poll led to; it goes on whatever is ruled. */
export function judgeAll(
  polls: readonly Poll[],
  { baseline = calmHistory, with: used = settings }: { baseline?: Baseline; with?: JudgeSettings } = {},
): Judged[] {
  let state = openJudge(baseline, used);
  return polls.map((poll) => {
    const judged = withPoll(state, poll, used, { seconds: 300 });
    state = judged.state;
    return judged;
  });
}

/** So many polls in a row. */
export function pollsOf(count: number, fields: (number: number) => Partial<Poll>): Poll[] {
  return Array.from({ length: count }, (_, number) => pollAt(number, fields(number)));
}

/** The last of what was judged. */
export function last(judged: readonly Judged[]): Judged {
  const found = judged.at(-1);
  if (found === undefined) throw new Error('nothing was judged');
  return found;
}

/** Every number that a value holds, however deep. */
export function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(numbersIn);
}
