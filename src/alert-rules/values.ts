import type { Selection } from './selection.ts';

/** What the two sides of a ratio have to share: which requests of whom, and how they are counted. */
export type Basis = {
  selection: Omit<Selection, 'codes'>;
  windowSeconds: number;
  counting: 'rate' | 'increase' | 'irate';
  /** Labels with a series for each of their values, in order and without `le`. */
  by: string[];
};

/** Requests: `total` times all of them and `bad` times those with a 5xx. */
export type Amount = { kind: 'amount'; basis: Basis; total: number; bad: number };

/** What a limit can be put on. */
type Measure = { kind: 'errorRatio' } | { kind: 'quantile'; quantile: number };

/**
 * `constant + slope * measure`. `absent`: what stands in for it where no series is there, by `or vector(...)`.
 */
export type Measured = {
  kind: 'measured';
  measure: Measure;
  basis: Basis;
  slope: number;
  constant: number;
  absent: number[];
};

/** What a part of an expression comes to: a number, a number as a series (`vector(0)`), requests, or what is measured. */
export type Value = { kind: 'scalar'; value: number } | { kind: 'vector'; value: number } | Amount | Measured;

/** A number without what floats leave over: 1 - 0.99 is 0.01. */
export function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
