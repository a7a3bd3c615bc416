import { describe, expect, it } from 'vitest';
import { Recording } from '../../../src/rollout/replay/recording.ts';

const arm = { requests: 150, errors: 1, buckets: [100, 40, 10] };
const poll = {
  at: 15,
  share: 5,
  canary: arm,
  stable: { requests: 2850, errors: 14, buckets: [2000, 800, 50] },
};
const whole = { scrapeSeconds: 15, boundsMs: [100, 500], baseline: { pods: [[arm]] }, polls: [poll] };

const faultsOf = (recording: unknown) =>
  (Recording.safeParse(recording).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

describe('a recording', () => {
  it('may have arms that were not scraped, and shares up to 100 %', () => {
    const polls = [poll, { at: 30, share: 100, canary: arm, stable: null }];
    expect(faultsOf({ ...whole, polls })).toEqual([]);
  });

  it('needs neither a baseline nor a histogram', () => {
    const bare = { requests: 10, errors: 0 };
    const parsed = Recording.parse({
      scrapeSeconds: 15,
      polls: [{ at: 15, share: 5, canary: bare, stable: bare }],
    });
    expect(parsed).toMatchObject({ boundsMs: [], baseline: { pods: [] } });
    expect(parsed.polls[0]?.canary?.buckets).toEqual([]);
  });

  it('is the same when it is read again', () => {
    const once = Recording.parse(whole);
    expect(Recording.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });

  const inPoll = (fields: object) => ({ ...whole, polls: [{ ...poll, ...fields }] });

  it.each([
    [
      'counts that fell',
      inPoll({ canary: { ...arm, requests: -3, errors: 0 } }),
      'polls.0.canary.requests',
      'increments, not counters',
    ],
    [
      'more errors than requests',
      inPoll({ canary: { ...arm, errors: 151 } }),
      'polls.0.canary.errors',
      'counts all of them',
    ],
    [
      'a bucket too few',
      inPoll({ canary: { ...arm, buckets: [1, 2] } }),
      'polls.0.canary.buckets',
      'has 2 counts for 2 bounds: write 3',
    ],
    [
      'no buckets',
      inPoll({ stable: { requests: 1, errors: 0 } }),
      'polls.0.stable.buckets',
      'has 0 counts for 2 bounds',
    ],
    ['a share above 100', inPoll({ share: 101 }), 'polls.0.share', 'a weight is at most 100'],
    ['a share of text', inPoll({ share: '5%' }), 'polls.0.share', 'write a percentage as a number'],
    ['a poll at the beginning', inPoll({ at: 0 }), 'polls.0.at', 'comes after the beginning'],
    ['an arm left out', { ...whole, polls: [{ at: 15, share: 5, canary: arm }] }, 'polls.0.stable', ''],
    ['an unknown field', inPoll({ step: 1 }), 'polls.0', 'step'],
    [
      'polls out of order',
      { ...whole, polls: [poll, { ...poll, at: 15 }] },
      'polls.1.at',
      '15 s after 15 s: write the polls in the order',
    ],
    [
      'bounds out of order',
      { ...whole, boundsMs: [500, 100] },
      'boundsMs.1',
      '100 ms after 500 ms: write the bounds in rising order',
    ],
    [
      'buckets without bounds',
      { ...whole, boundsMs: [] },
      'polls.0.canary.buckets',
      'write boundsMs, or leave buckets out',
    ],
    ['no polls', { ...whole, polls: [] }, 'polls', 'at least one poll'],
    ['no scrape interval', { ...whole, scrapeSeconds: 0 }, 'scrapeSeconds', 'above 0'],
    [
      'a pod that is no list',
      { ...whole, baseline: { pods: [arm] } },
      'baseline.pods.0',
      'a list with the minutes of one pod',
    ],
  ])('is refused with its place for %s', (_name, recording, place, why) => {
    const faults = faultsOf(recording);
    expect(faults).toContainEqual(expect.stringContaining(`${place}: `));
    expect(faults.find((fault) => fault.startsWith(`${place}: `))).toContain(why);
  });
});
