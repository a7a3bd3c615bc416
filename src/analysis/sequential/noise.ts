import { z } from 'zod';

/** Above this, requests come in such clumps that no factor mends it. */
const mostNoise = 20;
/** Where stable's pods cannot tell: one pod, no history, or too few bad requests. */
const assumedNoise = 2;
/** Bad requests that it takes to tell. */
const enoughBad = 10;
/** The part of the minutes in which pods differ most that says nothing about how they differ for good. */
const strangeMinutes = 0.2;
/** Above this, pods differ by more than a canary may be let to. */
const mostSpread = 1;

/** How much noisier requests are than independent ones (at least 1), and how far stable's own pods differ. */
export const Noise = z.strictObject({
  factor: z.number(),
  /** `assumed` where stable's history cannot tell; `settings` where a person set it. */
  from: z.enum(['pods', 'assumed', 'settings']),
  /** Standard deviation between stable's pods that stays, as a ratio of the rate. */
  spread: z.number(),
});
export type Noise = z.infer<typeof Noise>;

/** Bad and all requests of one pod in one minute. */
export type Cell = { bad: number; requests: number };

/** The noise of stable, from its pods minute by minute; `dispersion` is the factor itself where a person set it. */
export function noiseOf(pods: readonly (readonly Cell[])[], dispersion: 'pods' | number): Noise {
  const set = typeof dispersion === 'number' ? Math.max(1, dispersion) : null;
  const totals = pods.map(totalOf).filter(({ requests }) => requests > 0);
  const canTell = totals.length > 1 && totalOf(totals).bad >= enoughBad;
  if (!canTell)
    return { factor: set ?? assumedNoise, from: set === null ? 'assumed' : 'settings', spread: 0 };
  const minutes = minutesOf(pods);
  const factor = set ?? Math.min(mostNoise, noiseFactor(minutes, enoughBad));
  return { factor, from: set === null ? 'pods' : 'settings', spread: spreadOf(pods, minutes) };
}

/**
 * The odds that one of stable's own pods may have beside the others: 1 + 2 times their spread. A canary on a bad node
 * cannot be told from a bad version by numbers, so that much is always tolerated.
 */
export function podOdds({ spread }: Noise): number {
  return 1 + 2 * spread;
}

/** The pods that answered in a minute, by its number, of those in which at least two did. */
type Minute = { minute: number; cells: Cell[] };

function minutesOf(pods: readonly (readonly Cell[])[]): Minute[] {
  const many = Math.max(...pods.map((pod) => pod.length));
  return Array.from({ length: many }, (_, minute) => ({
    minute,
    cells: pods.flatMap((pod) => pod[minute] ?? []).filter(({ requests }) => requests > 0),
  })).filter(({ cells }) => cells.length > 1);
}

/**
 * Pearson's statistic of the bad requests over the pods within each minute, weighted by counts and drawn towards 1 by
 * so many imagined independent ones. For clumps of size C it estimates E[C^2] / E[C]; what all pods share, such as an outage,
 * does not count. A heuristic without a guarantee of its own: see McCullagh and Nelder, Generalized Linear Models, 4.5.
 */
function noiseFactor(minutes: readonly Minute[], imagined: number): number {
  let deviation = imagined;
  let bad = imagined;
  for (const { cells } of minutes) {
    deviation += pearson(cells) / (cells.length - 1);
    bad += totalOf(cells).bad;
  }
  return bad > 0 ? Math.max(1, deviation / bad) : 1;
}

/**
 * Sum over pods of (bad - expected)^2 / their part of the requests, where `expected` is that part of all bad ones:
 * Pearson's statistic times the number of bad ones, so that minutes with many of them count more.
 */
function pearson(cells: readonly Cell[]): number {
  const all = totalOf(cells);
  let sum = 0;
  for (const { bad, requests } of cells) {
    const part = requests / all.requests;
    sum += (bad - all.bad * part) ** 2 / part;
  }
  return sum;
}

/**
 * Differences between pods that outlast the half hour: DerSimonian and Laird's moment estimator (Controlled Clinical
 * Trials 7, 1986) on the pods' totals, after what the noise explains. The minutes in which pods differ most are left out,
 * for a pod that fails for a while is no pod that is different: what lasts shows in all the others. At most `mostSpread`.
 *
 * Chance alone moves the statistic of P pods by noise * sqrt(2 / (P - 1)), which among few bad requests often looks like a wide
 * spread. So it is drawn towards none, as the noise is towards 1, by imagined bad requests that divide
 * evenly: ten clumps a pod. Where that matters the rollout has few bad ones, too, and little evidence rests on how pods differ.
 */
function spreadOf(pods: readonly (readonly Cell[])[], minutes: readonly Minute[]): number {
  const strange = strangest(minutes);
  const totals = pods
    .map((pod) => totalOf(pod.filter((_, minute) => !strange.has(minute))))
    .filter(({ requests }) => requests > 0);
  const all = totalOf(totals);
  if (totals.length < 2 || all.bad === 0) return 0;
  const factor = noiseFactor(
    minutes.filter(({ minute }) => !strange.has(minute)),
    0,
  );
  const statistic = pearson(totals) / all.bad / (totals.length - 1);
  const beyondNoise = Math.max(0, statistic - factor);
  const badOfEach = all.bad / totals.length + enoughBad * factor;
  return Math.min(mostSpread, Math.sqrt(beyondNoise / badOfEach));
}

function strangest(minutes: readonly Minute[]): Set<number> {
  const strangeness = ({ cells }: Minute) => pearson(cells) / (cells.length - 1) - totalOf(cells).bad;
  const ranked = minutes
    .map((one) => ({ minute: one.minute, by: strangeness(one) }))
    .sort((left, right) => right.by - left.by);
  const many = Math.floor(strangeMinutes * minutes.length);
  return new Set(ranked.slice(0, many).map(({ minute }) => minute));
}

function totalOf(cells: readonly Cell[]): Cell {
  const sum = { bad: 0, requests: 0 };
  for (const { bad, requests } of cells) {
    sum.bad += bad;
    sum.requests += requests;
  }
  return sum;
}
