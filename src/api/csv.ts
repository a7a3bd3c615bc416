import type { MeasurementOnWire } from './measurement.ts';

export type Cell = string | number | null;

const columns: Record<string, (row: MeasurementOnWire) => Cell> = {
  at: ({ at }) => at,
  step: ({ step }) => step,
  weight: ({ weight }) => weight,
  check: ({ check }) => check,
  metric: ({ metric }) => metric,
  unit: ({ unit }) => unit,
  limit: ({ limit }) => limit,
  verdict: ({ verdict }) => verdict,
  failures_in_a_row: ({ failuresInARow }) => failuresInARow,
  canary_kind: ({ canary }) => canary.kind,
  canary_value: ({ canary }) => canary.value,
  canary_requests: ({ canary }) => canary.requests,
  canary_why: ({ canary }) => canary.why,
  stable_kind: ({ stable }) => stable.kind,
  stable_value: ({ stable }) => stable.value,
  stable_requests: ({ stable }) => stable.requests,
  stable_why: ({ stable }) => stable.why,
};

/** Measurements as a table. */
export function csvOf(rows: MeasurementOnWire[]): string {
  return tableOf(columns, rows);
}

/** Rows as RFC 4180: a header line, CRLF, and quotes where a cell needs them. What is not known is empty. */
export function tableOf<Row>(columns: Record<string, (row: Row) => Cell>, rows: readonly Row[]): string {
  const lines = rows.map((row) => Object.values(columns).map((cell) => cellText(cell(row))));
  return [Object.keys(columns), ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = defused(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A spreadsheet takes text that begins like this for a formula and runs it: a quote in front makes it text again. */
function defused(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}
