import type { Millis } from '../units.ts';

/** What custom checks are asked of. One more is a file that implements this, and a line in the list of providers. */
export interface CheckProvider {
  /** A text as it stands between the quotes of the provider's language. */
  escaped(text: string): string;
  /** How the provider's language writes a duration. */
  duration(seconds: number): string;
  /** Asks for the numbers of a query at an instant. Answers, never throws, and ends when `signal` aborts. */
  ask(question: { query: string; at: Millis }, signal: AbortSignal): Promise<Numbers>;
}

/** One number for each row; they may be NaN or infinite. */
export type Numbers = { kind: 'numbers'; values: number[] } | { kind: 'unavailable'; why: string };
