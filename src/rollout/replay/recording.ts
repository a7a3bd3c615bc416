import { z } from 'zod';
import { Share } from '../units.ts';

/** Some times are shown as times of day, which must exist. */
const mostSeconds = 366 * 86_400;

const Count = z
  .number({ error: 'write a number of requests' })
  .min(0, { error: 'a number of requests is 0 or more: write increments, not counters that were reset' });

const Arm = z
  .strictObject({
    requests: Count.describe('Requests since the poll before.'),
    errors: Count.describe('Those of them with a 5xx status.'),
    buckets: z
      .array(Count, { error: 'write a list of numbers' })
      .default([])
      .describe('Requests in each bucket, the last above every bound; left out where boundsMs is.'),
  })
  .refine(({ requests, errors }) => errors <= requests, {
    path: ['errors'],
    error: 'more errors than requests: `requests` counts all of them, failed ones too',
  });
type Arm = z.infer<typeof Arm>;

const RecordedPoll = z.strictObject({
  at: z
    .number({ error: 'write seconds since the rollout began' })
    .positive({ error: 'the first poll comes after the beginning, 0' })
    .max(mostSeconds, { error: `write seconds since the rollout began, at most ${mostSeconds} of them` })
    .describe('Seconds since the rollout began.'),
  share: Share.describe("The canary's share of the weights in percent while these requests came."),
  canary: Arm.nullable().describe('Null where it was not scraped.'),
  stable: Arm.nullable().describe('Null where it was not scraped.'),
});
export type RecordedPoll = z.infer<typeof RecordedPoll>;

/** What both judges are given by a file: stable before the rollout, and what each poll of both arms counted. */
export const Recording = z
  .strictObject({
    scrapeSeconds: z
      .number({ error: 'write the seconds between two scrapes' })
      .positive({ error: 'the seconds between two scrapes are above 0' })
      .max(3600, { error: 'write the seconds between two scrapes, at most 3600' }),
    boundsMs: z
      .array(z.number().positive({ error: 'a bound is above 0 ms' }), {
        error: 'write a list of milliseconds, without +Inf',
      })
      .default([])
      .describe(
        'Upper bounds of the latency buckets in ms, without +Inf; left out where there is no histogram.',
      ),
    baseline: z
      .strictObject({
        pods: z
          .array(z.array(Arm, { error: 'write a list with the minutes of one pod' }), {
            error: 'write a list with one list for each pod',
          })
          .describe("Each of stable's pods, minute by minute before the rollout."),
      })
      .default({ pods: [] }),
    polls: z
      .array(RecordedPoll, { error: 'write a list of polls' })
      .min(1, { error: 'a recording has at least one poll' }),
  })
  .superRefine((recording, context) => {
    for (const { path, message } of inconsistencies(recording)) {
      context.addIssue({ code: 'custom', path, message });
    }
  });
export type Recording = z.infer<typeof Recording>;

type Parts = Pick<Recording, 'boundsMs' | 'baseline' | 'polls'>;
type Inconsistency = { path: (string | number)[]; message: string };

function inconsistencies({ boundsMs, baseline, polls }: Parts): Inconsistency[] {
  const minutes = baseline.pods.flatMap((pod, index) =>
    pod.flatMap((arm, minute) => bucketFault(arm, boundsMs, ['baseline', 'pods', index, minute])),
  );
  const arms = polls.flatMap(({ canary, stable }, index) => [
    ...bucketFault(canary, boundsMs, ['polls', index, 'canary']),
    ...bucketFault(stable, boundsMs, ['polls', index, 'stable']),
  ]);
  return [...boundFaults(boundsMs), ...timeFaults(polls), ...minutes, ...arms];
}

function boundFaults(boundsMs: readonly number[]): Inconsistency[] {
  return boundsMs.flatMap((bound, index) => {
    const before = boundsMs[index - 1] ?? 0;
    if (bound > before) return [];
    const message = `${bound} ms after ${before} ms: write the bounds in rising order, each once`;
    return [{ path: ['boundsMs', index], message }];
  });
}

function timeFaults(polls: readonly RecordedPoll[]): Inconsistency[] {
  return polls.flatMap(({ at }, index) => {
    const before = polls[index - 1]?.at ?? 0;
    if (at > before) return [];
    const message = `${at} s after ${before} s: write the polls in the order of their times, each time once`;
    return [{ path: ['polls', index, 'at'], message }];
  });
}

function bucketFault(
  arm: Arm | null,
  boundsMs: readonly number[],
  path: Inconsistency['path'],
): Inconsistency[] {
  const needed = boundsMs.length === 0 ? 0 : boundsMs.length + 1;
  if (arm === null || arm.buckets.length === needed) return [];
  const message =
    needed === 0
      ? 'counts buckets that have no bounds: write boundsMs, or leave buckets out'
      : `has ${arm.buckets.length} counts for ${boundsMs.length} bounds: write ${needed}, the last for what is slower than every bound`;
  return [{ path: [...path, 'buckets'], message }];
}
