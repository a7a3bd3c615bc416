import type { Report } from './benchmark.ts';
import { table } from './markdown.ts';
import type { Measured } from './measure-release.ts';

type MeasuredRow = { kind: 'measured'; seed: number } & Measured;
type FailedRow = { kind: 'failed'; seed: number; scenario: Measured['scenario']; why: string };
export type Row = MeasuredRow | FailedRow;

const head = [
  'seed',
  'scenario',
  'T0 (UTC)',
  'T1 (UTC)',
  'T1 - T0',
  'bound',
  'within',
  'value',
  'limit',
  'requests',
  'asked again',
  'exposed',
  'note',
];

/** A note wider than this would stretch every line of the table; the whole of it was said when it happened. */
const widestNote = 80;

/** All rows, then least, median and most for each scenario. A row that is missing or failed breaks the bound. */
export function reportOf(rows: Row[], wanted: number): Report {
  const names = [...new Set(rows.map(({ scenario }) => scenario))];
  const ordered = names.flatMap((name) => rows.filter(({ scenario }) => scenario === name));
  const missing = wanted - rows.length;
  const text = [
    '## Breach to stable',
    '',
    "T0: the first instant from which the plan's own query, with enough requests, stays above the limit.",
    'T1: the last request to the canary. Value and requests are what canaryd recorded when it decided; "asked again"',
    'is the same query at the same instant afterwards. "Exposed" runs from the first bad request to T1.',
    '',
    table(head, ordered.map(cellsOf)),
    '',
    table(
      ['scenario', 'figures', 'least', 'median', 'most', 'within the bound'],
      names.map((name) => summaryOf(name, ordered)),
    ),
    ...(missing > 0 ? ['', `${missing} of ${wanted} figures are missing: interrupted.`] : []),
  ].join('\n');
  return { text, isWithin: missing === 0 && rows.every(isWithin) };
}

/** One row in a line, for somebody who waits. */
export function describeRow(row: Row): string {
  const head = `seed ${row.seed}, ${row.scenario}:`;
  if (row.kind === 'failed') return `${head} FAILED: ${row.why}`;
  return `${head} ${figure(row)}, ${isWithin(row) ? 'within' : 'NOT within'} ${row.boundSeconds} s`;
}

function cellsOf(row: Row): string[] {
  if (row.kind === 'failed') {
    const nothing = head.slice(2, -1).map(() => '');
    return [
      String(row.seed),
      row.scenario,
      ...nothing,
      `failed: ${row.why.replaceAll('|', '/').slice(0, widestNote)}`,
    ];
  }
  return [
    String(row.seed),
    row.scenario,
    row.breachedMs === null ? 'none' : timeOfDay(row.breachedMs),
    timeOfDay(row.lastRequestMs),
    figure(row),
    `${row.boundSeconds} s`,
    isWithin(row) ? 'yes' : 'NO',
    measured(row.value, row.unit),
    measured(row.limit, row.unit),
    row.requests === null ? '' : String(row.requests),
    `${measured(row.askedAgain.value, row.unit)} of ${row.askedAgain.requests}`,
    row.exposedSeconds === null ? '' : `${row.exposedSeconds.toFixed(1)} s`,
    noteOn(row),
  ];
}

function summaryOf(name: string, rows: Row[]): string[] {
  const ofScenario = rows.filter(({ scenario }) => scenario === name);
  const seconds = ofScenario.flatMap((row) => secondsOf(row) ?? []).sort((a, b) => a - b);
  const shown = [seconds.at(0), median(seconds), seconds.at(-1)].map((value) =>
    value === undefined ? '' : `${value.toFixed(2)} s`,
  );
  const within = `${ofScenario.filter(isWithin).length} of ${ofScenario.length}`;
  return [name, String(seconds.length), ...shown, within];
}

/** Canaryd that goes back before the query stays above the limit is within any bound. */
function isWithin(row: Row): boolean {
  return row.kind === 'measured' && (secondsOf(row) ?? 0) <= row.boundSeconds;
}

function secondsOf(row: Row): number | null {
  if (row.kind === 'failed' || row.breachedMs === null) return null;
  return (row.lastRequestMs - row.breachedMs) / 1000;
}

function figure(row: MeasuredRow): string {
  const seconds = secondsOf(row);
  return seconds === null ? 'before T0' : `${seconds.toFixed(2)} s`;
}

function noteOn({ breachedMs, value, cause }: MeasuredRow): string {
  const byOther = value === null ? [`decided by ${cause}`] : [];
  return [...byOther, ...(breachedMs === null ? ['the query was not above the limit at T1'] : [])].join('; ');
}

function median(sorted: number[]): number | undefined {
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
}

function measured(value: number | null, unit: 'ratio' | 'ms'): string {
  if (value === null) return '';
  return unit === 'ratio' ? `${(value * 100).toFixed(2)} %` : `${Math.round(value)} ms`;
}

function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
