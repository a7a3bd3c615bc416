import type { Seen } from './watch-turns.ts';

/** Median, the value that 99 of 100 do not exceed, and the most; null when there is nothing. */
export type Spread = { count: number; median: number; p99: number; most: number };

/** How values spread, by nearest rank. */
export function spreadOf(values: number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (quantile: number) => sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)];
  const [median, p99, most] = [at(0.5), at(0.99), sorted.at(-1)];
  if (median === undefined || p99 === undefined || most === undefined) return null;
  return { count: sorted.length, median, p99, most };
}

/** Instants by PostgreSQL's clock in ms, the first included. */
export type Stretch = { from: number; to: number };

export type Turns = {
  /** Turns that began in the stretch. */
  count: number;
  /** How late each was, in ms; those that a creation or a person's word made due are not among them. */
  late: number[];
};

/**
 * Joins what all workers saw: the turn with epoch e + 1 is late by the time between its claim and the instant that
 * the turn with epoch e was saved with, both by PostgreSQL's clock. A worker may have the one and another the other.
 */
export function turnsIn(seen: Pick<Seen, 'claimed' | 'due'>[], { from, to }: Stretch): Turns {
  const dueAt = new Map(
    seen.flatMap(({ due }) => due.map(([id, epoch, at]) => [`${id}/${epoch + 1}`, at] as const)),
  );
  const claimed = seen.flatMap((one) => one.claimed).filter(([, , at]) => at >= from && at < to);
  const late = claimed.flatMap(([id, epoch, at]) => {
    const due = dueAt.get(`${id}/${epoch}`);
    return due === undefined ? [] : [Math.max(0, at - due)];
  });
  return { count: claimed.length, late };
}

/** How much each count rose. */
export function risen(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const rises = Object.entries(after).map(([what, count]) => [what, count - (before[what] ?? 0)] as const);
  return Object.fromEntries(rises.filter(([, rise]) => rise > 0));
}

export function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
