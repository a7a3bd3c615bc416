import { z } from 'zod';

/** Two-sided 1 % point of the normal distribution. */
const twoSidedOnePercent = 2.576;
/** Requests that the smaller part should have had, below which its number says nothing. */
const enoughExpected = 20;
/** Of the smaller part: what may be off for other reasons than chance. */
const systematicRatio = 0.2;
const systematicPoints = 0.5;

/** Requests of both arms from `since` until `until`, both in ms. */
const Stretch = z.strictObject({
  since: z.number(),
  until: z.number(),
  canary: z.number(),
  stable: z.number(),
});
export type Stretch = z.infer<typeof Stretch>;

/** What the requests since a weight was applied say about who has taken it. */
export const Uptake = z.strictObject({
  /** When the weight was applied that this is about. */
  appliedAt: z.number(),
  /** Requests that are not compared yet. */
  counted: Stretch,
  /**
   * Since when the requests agree with the weight; with `untold` since when canaryd stopped to wait for as many as it
   * takes to see that. Null before either.
   */
  taken: z
    .strictObject({
      since: z.number(),
      untold: z.strictObject({ requests: z.number(), needed: z.number() }).nullable(),
    })
    .nullable(),
  /** Comparisons in a row that did not agree, and the last of them in percent; null when the last one agreed. */
  differing: z
    .strictObject({
      inARow: z.number(),
      since: z.number(),
      observed: z.number(),
      tolerance: z.number(),
      requests: z.number(),
    })
    .nullable(),
});
export type Uptake = z.infer<typeof Uptake>;

/** The canary's share of the weights, in percent; `mayExceed` when it gets other requests, too. */
export type Expected = { share: number; mayExceed: boolean; scrapeMs: number };

/** A share of requests beside the share of the weights; `observed` in percent, `tolerance` in percentage points. */
export type Comparison =
  | { kind: 'untold' }
  | { kind: 'agrees' | 'differs'; requests: number; observed: number; tolerance: number };

/** Before the first request at a weight that was applied then. */
export function nothingTaken(appliedAt: number): Uptake {
  const counted = { since: appliedAt, until: appliedAt, canary: 0, stable: 0 };
  return { appliedAt, counted, taken: null, differing: null };
}

/**
 * Adds a stretch of requests and, when there are enough, compares them with the canary's share of the weights, in
 * percent and neither 0 nor 100. What was compared is not counted again, unless a stretch goes back behind it.
 */
export function withStretch(before: Uptake, stretch: Stretch, expected: Expected): Uptake {
  const counted = joined(before.counted, stretch);
  const found = compareShare(counted, expected.share);
  if (found.kind === 'untold') return { ...before, counted };
  const rest = { since: counted.until, until: counted.until, canary: 0, stable: 0 };
  if (found.kind === 'agrees' || isExplained({ ...before, counted }, found.observed, expected)) {
    const since = before.taken?.since ?? counted.since;
    return { ...before, counted: rest, taken: { since, untold: null }, differing: null };
  }
  const { observed, tolerance, requests } = found;
  const inARow = (before.differing?.inARow ?? 0) + 1;
  const since = before.differing?.since ?? counted.since;
  return { ...before, counted: rest, differing: { inARow, since, observed, tolerance, requests } };
}

/**
 * More than the share is nothing strange where other routes bring the canary some. Fewer are not in the first
 * comparison: counters that a canary's first requests made end with the last scrape, while those of stable, which were
 * there before, are carried on to the end of the stretch. A later comparison finds out if that was not the reason.
 */
function isExplained(
  { counted, taken, differing }: Uptake,
  observed: number,
  { share, mayExceed, scrapeMs }: Expected,
): boolean {
  if (observed > share) return mayExceed;
  const isFirst = taken === null && differing === null;
  const unseenRatio = scrapeMs / (counted.until - counted.since);
  return isFirst && share - observed <= smallerPart(share) * unseenRatio;
}

/**
 * Whether requests divide as the weights do. They agree when the weights' share lies in Wilson's score interval of
 * theirs at 99 % (E. B. Wilson, JASA 22, 1927; recommended for small numbers by Brown, Cai and DasGupta, Statistical
 * Science 16(2), 2001), and also when they are no further off than a fifth of the smaller part or half a point:
 * requests are no independent draws, since retries come to the version that failed, proxies are scraped at different
 * instants, and the last of them take a weight seconds after the first.
 */
export function compareShare(
  { canary, stable }: Pick<Stretch, 'canary' | 'stable'>,
  share: number,
): Comparison {
  const requests = canary + stable;
  const ratio = share / 100;
  if (requests < requestsNeeded(share)) return { kind: 'untold' };
  const observed = (100 * canary) / requests;
  const byChance = 100 * twoSidedOnePercent * Math.sqrt((ratio * (1 - ratio)) / requests);
  const tolerance = Math.max(byChance, systematicRatio * smallerPart(share), systematicPoints);
  const kind = Math.abs(observed - share) <= tolerance ? 'agrees' : 'differs';
  return { kind, requests, observed, tolerance };
}

/** Requests of both arms that it takes to compare a share in percent. */
export function requestsNeeded(share: number): number {
  return Math.ceil((100 * enoughExpected) / smallerPart(share));
}

function smallerPart(share: number): number {
  return Math.min(share, 100 - share);
}

function joined(before: Stretch, next: Stretch): Stretch {
  if (next.since < before.until) return next;
  return {
    since: before.since,
    until: next.until,
    canary: before.canary + next.canary,
    stable: before.stable + next.stable,
  };
}
