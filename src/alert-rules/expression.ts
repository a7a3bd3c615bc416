import type { Place } from './refusal.ts';

/** What a label of a series must be. */
export type Matcher = { label: string; operator: '=' | '!=' | '=~' | '!~'; value: string };

/** Series by name and labels; `rangeSeconds` is null without a range behind it. */
export type Selector = {
  kind: 'selector';
  at: Place;
  metric: string;
  matchers: Matcher[];
  rangeSeconds: number | null;
};

/** `by` or `without`, and their labels. */
export type Grouping = { kind: 'by' | 'without'; labels: string[] };

/** `on` or `ignoring`, and their labels. */
export type Matching = { kind: 'on' | 'ignoring'; labels: string[] };

export type Aggregate = {
  kind: 'aggregate';
  at: Place;
  operator: string;
  grouping: Grouping | null;
  inputs: Expression[];
};

export type Call = { kind: 'call'; at: Place; name: string; inputs: Expression[] };

export type Binary = {
  kind: 'binary';
  at: Place;
  operator: string;
  matching: Matching | null;
  left: Expression;
  right: Expression;
};

/** PromQL as far as it is read. Parentheses are in the shape of it; `at` of two sides is their operator. */
export type Expression =
  | { kind: 'number'; at: Place; value: number }
  | { kind: 'negative'; at: Place; of: Expression }
  | Selector
  | Aggregate
  | Call
  | Binary;

/** Operators by how strongly they bind: https://prometheus.io/docs/prometheus/latest/querying/operators/ */
export const strengths: ReadonlyMap<string, number> = new Map([
  ['or', 1],
  ...['and', 'unless'].map((operator) => [operator, 2] as const),
  ...['==', '!=', '<=', '<', '>=', '>'].map((operator) => [operator, 3] as const),
  ...['+', '-'].map((operator) => [operator, 4] as const),
  ...['*', '/', '%', 'atan2'].map((operator) => [operator, 5] as const),
  ['^', 6],
]);

export const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<=', '<', '>=', '>']);
