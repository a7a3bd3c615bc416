const units = [
  ['y', 31_536_000],
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
  ['ms', 0.001],
] as const;

/** Each unit at most once, the greater ones first. */
const written = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Seconds of a duration as Prometheus writes it, such as `5m` or `1h30m`, and 0 for `0`; null for anything else. A year
 * has 365 days: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations
 */
export function durationSeconds(text: string): number | null {
  if (text === '0') return 0;
  const amounts = text === '' ? null : written.exec(text);
  if (amounts === null) return null;
  const seconds = units.reduce((sum, [, factor], index) => sum + Number(amounts[index + 1] ?? 0) * factor, 0);
  return Number.isFinite(seconds) ? seconds : null;
}
