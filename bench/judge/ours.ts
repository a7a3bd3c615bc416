import { openJudge } from '../../src/analysis/sequential/open-judge.ts';
import type { Increment, Poll } from '../../src/analysis/sequential/poll.ts';
import { type JudgeSettings, usualSettings } from '../../src/analysis/sequential/settings.ts';
import { type Judged, withPoll } from '../../src/analysis/sequential/with-poll.ts';
import type { Judge } from './judge.ts';
import type { Counts, Recording } from './recording.ts';
import type { Limits } from './service.ts';
import {
  buckets,
  pollSeconds,
  polls,
  pollsOfStep,
  secondsAt,
  shareOf,
  stepOf,
  stepSeconds,
} from './setting.ts';

/** canaryd's judge with its usual settings. What it says but "roll back" changes nothing here, as for the others. */
export const sequential: Judge = {
  name: 'canaryd',
  rollsBackAt: (recording, limits) => {
    const settings = settingsFor(limits);
    let state = openJudge(recording.baseline, settings);
    for (let poll = 0; poll < polls; poll += 1) {
      const judged = withPoll(state, pollOf(recording, poll), settings, { seconds: stepSeconds });
      if (judged.ruling.decision === 'rollback') return { poll, why: wordOf(judged, settings) };
      state = judged.state;
    }
    return null;
  },
};

export function settingsFor({ errorRate, p99Ms }: Limits): JudgeSettings {
  return {
    ...usualSettings,
    limits: [
      { id: 'errors', metric: 'errorRate', max: errorRate },
      { id: 'p99', metric: 'latency', quantile: 0.99, maxMs: p99Ms },
    ],
  };
}

/** One poll of a recording as the judge is given it. */
export function pollOf({ canary, stable }: Recording, poll: number): Poll {
  return {
    at: secondsAt(poll),
    step: stepOf(poll),
    stepSeconds: (poll - stepOf(poll) * pollsOfStep + 1) * pollSeconds,
    share: shareOf(poll),
    canary: incrementOf(canary, poll),
    stable: incrementOf(stable, poll),
  };
}

function incrementOf(counts: Counts, poll: number): Increment {
  return {
    requests: counts.requests[poll] ?? 0,
    errors: counts.errors[poll] ?? 0,
    buckets: Array.from(counts.buckets.subarray(poll * buckets, (poll + 1) * buckets)),
  };
}

function wordOf({ ruling, driver }: Judged, { limits }: JudgeSettings): string {
  if (ruling.reason === 'backstop') return 'backstop';
  return driver.kind === 'limit' ? `limit ${limits[driver.index]?.id}` : driver.kind;
}
