import type { Millis } from './snapshot.ts';

const minute = 60;
const hour = 3600;
const day = 86_400;
/** The last that a date can be: https://tc39.es/ecma262/#sec-time-values-and-time-range */
const latest = 8.64e15;

/** Seconds as people say them: `45 s`, `30 min`, `16.6 h` or `12 d`; cut, so that a time left is never said too long. */
export function spanOf(seconds: number): string {
  const size = Math.abs(seconds);
  if (size >= 2 * day) return `${cut(seconds / day)} d`;
  if (size >= 2 * hour) return `${cut(seconds / hour)} h`;
  return size >= 2 * minute ? `${cut(seconds / minute)} min` : `${cut(seconds)} s`;
}

function cut(value: number): number {
  return Math.trunc(value * 10 + Math.sign(value) * 1e-6) / 10;
}

/** The day and the minute in UTC: `2026-11-23 12:00Z`. */
export function momentOf(at: Millis): string {
  if (!(Math.abs(at) <= latest)) return 'a time that nobody knows';
  const text = new Date(at).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)}Z`;
}
