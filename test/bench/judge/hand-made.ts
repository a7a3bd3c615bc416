import { noCounts, type Recording } from '../../../bench/judge/recording.ts';
import { boundsMs, buckets, polls } from '../../../bench/judge/setting.ts';

/** What an arm answered in a poll: all requests in the bucket up to `ms`, 100 where it does not matter. */
export type Answered = { requests: number; errors?: number; ms?: number };

/** A recording in which each arm answers what it is told for each poll. */
export function handMade(canary: (poll: number) => Answered, stable: (poll: number) => Answered): Recording {
  const recording: Recording = {
    canary: noCounts(),
    stable: noCounts(),
    baseline: { boundsMs, pods: [] },
    exposed: new Float64Array(polls),
    harm: new Float64Array(polls),
  };
  for (let poll = 0; poll < polls; poll += 1) {
    put(recording.canary, poll, canary(poll));
    put(recording.stable, poll, stable(poll));
  }
  return recording;
}

/** 1,000 requests without a fault. */
export function fine(): Answered {
  return { requests: 1000 };
}

function put(counts: Recording['canary'], poll: number, { requests, errors = 0, ms = 100 }: Answered): void {
  counts.requests[poll] = requests;
  counts.errors[poll] = errors;
  const bucket = boundsMs.indexOf(ms);
  counts.buckets[poll * buckets + (bucket === -1 ? buckets - 1 : bucket)] = requests;
}
