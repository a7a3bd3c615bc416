import { quantileOf } from '../../analysis/quantile.ts';
import type { CheckReadings, Counts, Measurements, Reading } from '../../analysis/reading.ts';
import type { Increment } from '../../analysis/sequential/poll.ts';
import { asksNothing, countedSince, incrementSeconds, nothingAsked } from '../evidence.ts';
import { longestWindowSeconds, type MeshCheck, meshChecksIn } from '../plan-parts.ts';
import type { Rollout } from '../rollout.ts';
import type { RecordedPoll, Recording } from './recording.ts';

type Arm = 'canary' | 'stable';
/** The polls up to the one that is looked at. */
type Seen = { polls: readonly RecordedPoll[]; last: number; boundsMs: readonly number[] };

/** From this share in percent on, a stable that is not scraped is gone rather than missing. */
const nearlyWhole = 99;

/**
 * What a measurement at a recorded poll would have found: over each check's window the sums of the increments that ended
 * in it. An arm that was not scraped has no reading at all, whatever a window still holds from before.
 */
export function measuredAt(rollout: Rollout, { polls, boundsMs }: Recording, last: number): Measurements {
  const poll = polls[last];
  const takenAt = (poll?.at ?? 0) * 1000;
  if (poll === undefined || asksNothing(rollout)) return nothingAsked(takenAt);
  const { checks } = rollout.plan;
  const seen = { polls, last, boundsMs };
  const both = (read: (arm: Arm) => Reading): CheckReadings => ({
    canary: gap(poll, 'canary') ?? read('canary'),
    stable: gap(poll, 'stable') ?? read('stable'),
  });
  const longest = poll.at - longestWindowSeconds(checks);
  const isCounted = incrementSeconds(rollout, takenAt) > 0;
  const increment = (arm: Arm) =>
    isCounted && poll[arm] !== null ? countsIn(summed(seen, arm, countedSince(rollout) / 1000)) : null;
  return {
    takenAt,
    checks: Object.fromEntries(
      Object.entries(meshChecksIn(checks)).map(([id, check]) => [
        id,
        both((arm) => checkReading(check, seen, arm)),
      ]),
    ),
    requests: both((arm) => requestReading(summed(seen, arm, longest))),
    increments: { canary: increment('canary'), stable: increment('stable') },
    // Requests that reached no version stand in no recording.
    unattributed: { kind: 'none' },
  };
}

/** What is read of an arm that a poll has not; null where it has it. */
function gap(poll: RecordedPoll, arm: Arm): Reading | null {
  if (poll[arm] !== null) return null;
  if (arm === 'stable' && poll.share >= nearlyWhole) return { kind: 'none' };
  return { kind: 'unavailable', why: `${arm} was not scraped at ${poll.at} s` };
}

/** Everything that an arm answered after `since`, in seconds; null where no poll has it. */
function summed({ polls, last }: Seen, arm: Arm, since: number): Increment | null {
  let sum: Increment | null = null;
  for (let at = last; at >= 0; at--) {
    const poll = polls[at];
    if (poll === undefined || poll.at <= since) break;
    const increment = poll[arm];
    if (increment !== null) sum = sum === null ? increment : plus(sum, increment);
  }
  return sum;
}

function plus(left: Increment, right: Increment): Increment {
  return {
    requests: left.requests + right.requests,
    errors: left.errors + right.errors,
    buckets: left.buckets.map((count, at) => count + (right.buckets[at] ?? 0)),
  };
}

function countsIn(sum: Increment | null): Counts | null {
  return sum === null ? null : { requests: sum.requests, errors: sum.errors };
}

function requestReading(sum: Increment | null): Reading {
  if (sum === null) return { kind: 'none' };
  const requests = Math.round(sum.requests);
  return { kind: 'value', value: requests, requests };
}

function checkReading(check: MeshCheck, seen: Seen, arm: Arm): Reading {
  const at = seen.polls[seen.last]?.at ?? 0;
  const sum = summed(seen, arm, at - check.window);
  const requests = Math.round(sum?.requests ?? 0);
  if (sum === null || requests === 0) return { kind: 'none' };
  if (requests < check.minRequests) return { kind: 'tooFew', requests, needed: check.minRequests };
  if (check.metric === 'p99LatencyMs') return latencyReading(check, sum, seen.boundsMs);
  return { kind: 'value', value: sum.errors / sum.requests, requests };
}

/** A P99 above every bound breaches each limit up to the highest bound, and says nothing of a higher one. */
function latencyReading({ max }: MeshCheck, sum: Increment, boundsMs: readonly number[]): Reading {
  const found = quantileOf(boundsMs, sum.buckets, 0.99);
  const requests = Math.round(sum.requests);
  if (found.kind === 'none') return { kind: 'none' };
  if (found.kind === 'inside') {
    const { valueMs, lowerMs, upperMs } = found;
    return { kind: 'value', value: valueMs, requests, bucket: { lowerMs, upperMs } };
  }
  if (max <= found.highestMs) return { kind: 'value', value: found.highestMs + 1, requests };
  const why = `the P99 lies above the highest bucket, ${found.highestMs} ms: add a bucket at ${max} ms to judge the limit`;
  return { kind: 'unavailable', why };
}
