/** A rate 0..1 in percent, with two digits that count, three from 10 % on. */
export function percent(rate: number): string {
  return `${twoDigits(100 * rate)} %`;
}

/** A difference of rates in percentage points. */
export function points(difference: number): string {
  return `${twoDigits(100 * difference)} pp`;
}

/** A count, fractions rounded, thousands set apart. */
export function count(value: number): string {
  return withCommas(Math.round(value));
}

/** Evidence: what nobody can imagine any more is "over a billion". */
export function evidence(value: number): string {
  if (value > 1e9) return 'over a billion';
  return value < 10 ? twoDigits(value) : withCommas(Number(value.toPrecision(2)));
}

/** A duration: seconds up to two minutes, then minutes. */
export function seconds(value: number): string {
  return value <= 120 ? `${Math.round(value)} s` : `${twoDigits(value / 60)} min`;
}

function twoDigits(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) >= 1000) return withCommas(Math.round(value));
  if (Math.abs(value) >= 10) return String(Number(value.toPrecision(3)));
  if (Math.abs(value) < 0.0001) return value > 0 ? 'under 0.0001' : 'about 0';
  return String(Number(value.toPrecision(2)));
}

function withCommas(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
