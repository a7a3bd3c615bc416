import { describe, expect, it } from 'vitest';
import { count, evidence, percent, points, seconds } from '../../../src/analysis/sequential/figures.ts';
import type { Poll } from '../../../src/analysis/sequential/poll.ts';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { verdictOf } from '../../../src/analysis/sequential/verdict-of.ts';
import { sentenceOf } from '../../../src/analysis/sequential/words.ts';
import { answered, calmHistory, judgeAll, last, noHistory, pollsOf, settings } from './rollouts.ts';

/** What is said after so many of these polls. */
function said(polls: Poll[], used = settings, baseline?: typeof noHistory): string {
  const judged = judgeAll(polls, { with: used, ...(baseline === undefined ? {} : { baseline }) });
  const { state } = last(judged);
  const verdict = verdictOf(state, used, { seconds: 300 });
  return sentenceOf(verdict, {
    canary: 'v42',
    share: polls.at(-1)?.share ?? 0,
    stepSeconds: state.step.seconds,
    settings: used,
  });
}

describe('the sentence of a rollback', () => {
  it('has value, unit, limit, requests, evidence and noise for a canary that is worse than stable', () => {
    const polls = [
      [1, 150, 14, 2850],
      [8, 149, 13, 2841],
      [7, 151, 16, 2860],
    ].map(([bad = 0, requests = 0, stableBad = 0, stableRequests = 0]) => ({
      canary: { requests, errors: bad, buckets: [] },
      stable: { requests: stableRequests, errors: stableBad, buckets: [] },
    }));
    const sentence = said(
      pollsOf(3, (number) => polls[number] ?? {}),
      usualSettings,
    );
    expect(sentence).toBe(
      'Rolled back v42 45 s after it got 5 %: it is worse than stable. ' +
        '5xx of the canary 16 of 450 = 3.6 % (99 % band 1.2 % to 7.7 %), of stable 43 of 8,551 = 0.5 % (0.27 % to 0.84 %). ' +
        'That is at least 0.78 pp more; tolerated are 1.25 times stable and 0.05 pp, which is 0.68 %. ' +
        'Evidence 710, from more than one scrape: 100 is needed, where at most 1 in 100 canaries within what is tolerated ever gets, however often one looks, ' +
        "if requests are no noisier than noise factor 1.0 (from stable's own pods). " +
        'About 14 requests went wrong because of the canary.',
    );
  });

  it('tells the last looks beside all, where a late fault is hidden by a long good time', () => {
    const polls = pollsOf(62, (number) => ({
      canary: number < 60 ? answered(1500, 4.5) : answered(1500, 45),
      stable: answered(28_500, 142.5),
    }));
    const sentence = said(polls, usualSettings);
    expect(sentence).toContain('5xx of the canary 360 of 93,000 = 0.39 %');
    expect(sentence).toContain('In the last 30 s 90 of 3,000 = 3 %, of stable 285 of 57,000 = 0.5 %.');
    expect(sentence).toContain('That is lately 2.5 pp more; tolerated are 1.25 times stable');
    expect(sentence).toContain('About 75 requests went wrong because of the canary.');
    expect(sentence).not.toContain('-0.');
  });

  it('of a breach that lasted claims no evidence', () => {
    const thin = pollsOf(23, () => ({ canary: answered(20, 0.6), stable: answered(380, 3.4) }));
    const sentence = said(thin);
    expect(sentence).toMatch(
      /^Rolled back v42 .*: it was over a limit for 5 min, and stable was not\. 5xx of the canary 14 of 460 = 3 %/,
    );
    expect(sentence).toContain('That leads back without any evidence beyond chance.');
    expect(sentence).not.toMatch(/is needed|1 in 100|noise/);
  });

  it('of an outage that lasted says whose it is, and blames the canary for no request', () => {
    const outage = { canary: answered(150, 14), stable: answered(2850, 228) };
    const sentence = said(pollsOf(21, () => outage));
    expect(sentence).toContain('it was over a limit for 5 min, as stable was');
    expect(sentence).not.toMatch(/because of the canary|is needed/);
  });

  it('says that tolerance is wider since the pods of stable differ', () => {
    const apart = {
      ...calmHistory,
      pods: calmHistory.pods.map((pod, at) => pod.map(() => answered(1000, at % 2 === 0 ? 2 : 8))),
    };
    const polls = pollsOf(6, () => ({ canary: answered(1500, 75), stable: answered(28_500, 142.5) }));
    expect(said(polls, usualSettings, apart)).toMatch(
      /more; tolerance is widened to 2\.\d+ x by stable's pods, and 0\.05 pp, which is/,
    );
  });

  it('counts a single request as one', () => {
    const { state } = last(judgeAll(pollsOf(1, () => ({}))));
    const verdict = verdictOf(state, settings, { seconds: 300 });
    const told = { canary: 'v42', share: 5, stepSeconds: 15, settings };
    const blamed = {
      ...verdict,
      driver: 0,
      harmedRequests: 1.2,
      ruling: { decision: 'rollback', reason: 'regression' } as const,
    };
    expect(sentenceOf(blamed, told)).toContain('About 1 request went wrong');
  });

  it('names the limit of errors', () => {
    const sentence = said(pollsOf(2, () => ({ share: 100, canary: answered(3000, 300), stable: null })));
    expect(sentence).toContain('it breaks a limit. 5xx of the canary 600 of 6,000 = 10 % (99 % band ');
    expect(sentence).toContain('of stable unknown: it had no requests. The limit is 1 %.');
  });

  it('names the limit of latency', () => {
    const slow = { requests: 150, errors: 1, buckets: [0, 0, 0, 0, 0, 150] };
    expect(said(pollsOf(2, () => ({ canary: slow })))).toContain(
      'Requests slower than 2000 ms of the canary 300 of 300 = 100 %',
    );
  });

  it('says at which bound a canary is slower than stable', () => {
    const slow = { canary: answered(1500, 7.5, 120), stable: answered(28_500, 142.5) };
    expect(
      said(
        pollsOf(8, () => slow),
        usualSettings,
      ),
    ).toContain('Requests slower than 500 ms of the canary 480 of 6,000 = 8 %');
  });

  it('says that requests do not reach the canary', () => {
    const sentence = said(pollsOf(4, () => ({ canary: answered(0, 0), stable: answered(3000, 15) })));
    expect(sentence).toContain('It got 0 of 12,000 requests, 0 %, where the weights say 5 %');
  });
});

describe('the sentence of what goes on', () => {
  it('says what is proven', () => {
    expect(said(pollsOf(20, () => ({})))).toBe(
      "Advanced v42 5 min after it got 5 %. Errors are proven below 1.5 times stable's and 0.5 pp, slow requests below 1.5 times the odds of stable's and 2 pp at the slow bounds of the histogram, with 95 % confidence.",
    );
  });

  it('says what a step without proof could have seen', () => {
    const few = { canary: answered(2, 0), stable: answered(38, 0) };
    expect(said(pollsOf(20, () => few))).toMatch(
      /^Advanced v42 5 min after it got 5 %, unproven\. 40 requests of the canary in this step: by its end it can see an error rate above about [\d.]+ %\.$/,
    );
  });
});

describe('a limit that no bound of the histogram reaches', () => {
  it('is said not to be judged wherever a canary goes on', () => {
    const blind = {
      ...usualSettings,
      limits: [{ id: 'p99', metric: 'latency', quantile: 0.99, maxMs: 3000 } as const],
    };
    const slow = { requests: 150, errors: 1, buckets: [0, 0, 0, 0, 0, 150] };
    const sentence = said(
      pollsOf(20, () => ({
        canary: slow,
        stable: { requests: 2850, errors: 19, buckets: [0, 0, 0, 0, 0, 2850] },
      })),
      blind,
    );
    expect(sentence).toContain('The limit p99 is not judged: 3000 ms lie above the highest bound');
  });
});

describe('the sentence of waiting', () => {
  it('says why: a limit that is broken, but not for long enough', () => {
    const thin = pollsOf(20, () => ({ canary: answered(20, 0.6), stable: answered(380, 3.4) }));
    expect(said(thin)).toMatch(
      /^Holding v42 at 5 %: it is over a limit, not long enough to roll back\. 5xx of the canary 12 of 400/,
    );
  });

  it('says why: an outage that stable shares', () => {
    const outage = { canary: answered(150, 12), stable: answered(2850, 228) };
    expect(said(pollsOf(10, () => outage))).toMatch(
      /^Holding v42 at 5 %: stable is over the limit, too, so the cause is not the canary alone\. 5xx of the canary/,
    );
  });

  it('says why: no data', () => {
    expect(said(pollsOf(1, () => ({ canary: null })))).toBe(
      'Holding v42 at 5 %: the metrics of canary or stable are missing.',
    );
  });

  it('says that the noise is assumed', () => {
    const polls = pollsOf(20, (number) => (number === 19 ? { canary: answered(150, 150) } : {}));
    expect(said(polls, settings, noHistory)).toContain(
      "noise factor 2.0 (assumed: stable's history is too short to tell)",
    );
  });
});

describe('figures', () => {
  it.each([
    [percent(0), '0 %'],
    [percent(0.00050001), '0.05 %'],
    [percent(0.0356), '3.6 %'],
    [percent(0.999), '99.9 %'],
    [percent(0.1234), '12.3 %'],
    [percent(1), '100 %'],
    [percent(1e-9), 'under 0.0001 %'],
    [points(0.0077866), '0.78 pp'],
    [points(-0.005), '-0.5 pp'],
    [count(12_345.4), '12,345'],
    [evidence(4598), '4,600'],
    [evidence(2.345), '2.3'],
    [evidence(1e300), 'over a billion'],
    [seconds(45), '45 s'],
    [seconds(150), '2.5 min'],
  ])('%s', (found, expected) => expect(found).toBe(expected));
});
