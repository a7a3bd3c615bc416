/** A value of a check with its unit: `0.05 %`, `243 ms`. */
export function measured(value: number | null, unit: string): string {
  if (value === null) return '-';
  return unit === 'ratio' ? `${trimmed(value * 100)} %` : `${Math.round(value)} ${unit}`;
}

/** A share: `5 %`. */
export function percent(share: number): string {
  return `${trimmed(share)} %`;
}

/** Seconds as `45 s`, `5 min` or `2 h`. */
export function duration(seconds: number): string {
  if (seconds >= 7200) return `${trimmed(seconds / 3600)} h`;
  return seconds >= 120 ? `${trimmed(seconds / 60)} min` : `${trimmed(seconds)} s`;
}

/** Seconds as on a clock: `1:05`. */
export function minutes(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `2026-11-23T05:46:01.123Z` as `05:46:01Z`. */
export function timeOfDay(at: string): string {
  return `${at.slice(11, 19)}Z`;
}

export function trimmed(value: number): string {
  return String(Number(value.toFixed(2)));
}
