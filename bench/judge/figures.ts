import type { Tally } from './tally.ts';

/** Of all rollouts, 0..1, those that were rolled back: of a healthy canary each of them is a mistake. */
export function rolledBackRate({ rolledBack, rollouts }: Tally): number {
  return rolledBack / rollouts;
}

/** Of a regressed canary's rollouts, 0..1, those that went on to their end. */
export function missedRate({ missed, rollouts }: Tally): number {
  return missed / rollouts;
}

/** Median seconds from onset to rollback; a missed one counts as never, so it may be Infinity. Early ones are left out. */
export function medianDelay({ delays, missed }: Tally): number {
  return median([...delays, ...new Array<number>(missed).fill(Number.POSITIVE_INFINITY)]);
}

/** Bad requests that the canary caused, a rollout. */
export function harmOf({ harm, rollouts }: Tally): number {
  return harm / rollouts;
}

/** What one judge did with the whole battery. */
export type Summary = {
  judge: string;
  /** Over all healthy rollouts, 0..1, and by service: of 95 of 100 services at most, and of the worst one. */
  falseRate: number;
  falseRollbacks: number;
  healthyRollouts: number;
  falseP95: number;
  falseWorst: number;
  missedRate: number;
  /** Of the rollouts in which it was found. */
  medianDelay: number;
  /** Geometric mean over services of this judge's harm over that of `against`; also where both find half or more. */
  harmRatio: number;
  harmRatioFound: number;
};

/** Sums up a judge's tallies of healthy and of regressed services against those of another judge. */
export function summaryOf(own: Tally[], against: Tally[]): Summary {
  const healthy = own.filter(({ scenario }) => scenario.regression === null);
  const regressed = own.filter(({ scenario }) => scenario.regression !== null);
  const rates = healthy.map(rolledBackRate).sort((a, b) => a - b);
  const falseRollbacks = sumOf(healthy.map((tally) => tally.rolledBack));
  const healthyRollouts = sumOf(healthy.map((tally) => tally.rollouts));
  const pairs = regressed.flatMap((mine) => {
    const theirs = against.find(({ scenario }) => scenario.name === mine.scenario.name);
    return theirs === undefined ? [] : [{ mine, theirs }];
  });
  const found = pairs.filter(({ mine, theirs }) => Math.max(missedRate(mine), missedRate(theirs)) <= 0.5);
  return {
    judge: own[0]?.judge ?? '',
    falseRate: falseRollbacks / healthyRollouts,
    falseRollbacks,
    healthyRollouts,
    falseP95: rates[Math.ceil(0.95 * rates.length) - 1] ?? Number.NaN,
    falseWorst: rates.at(-1) ?? Number.NaN,
    missedRate:
      sumOf(regressed.map((tally) => tally.missed)) / sumOf(regressed.map((tally) => tally.rollouts)),
    medianDelay: median(regressed.flatMap(({ delays }) => delays)),
    harmRatio: geometricMean(pairs.map(ratioOf)),
    harmRatioFound: geometricMean(found.map(ratioOf)),
  };
}

/** A hundredth of a request keeps a service without any harm in the mean. */
const leastHarm = 0.01;

function ratioOf({ mine, theirs }: { mine: Tally; theirs: Tally }): number {
  return (harmOf(mine) + leastHarm) / (harmOf(theirs) + leastHarm);
}

/** NaN when there is nothing; the mean of the middle two where their number is even. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(sumOf(values.map(Math.log)) / values.length);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
