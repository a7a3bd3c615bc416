import {
  type HistoryQuery,
  type LiveReads,
  type MeasuredPoll,
  type MeasurementQuery,
  overlapSeconds,
  type PlacedRow,
} from '../../src/rollout/ports/live.ts';
import type { Millis } from '../../src/rollout/units.ts';

/** What is stored, as the reads of watchers find it; rows stand in the order in which they were committed. */
export type LiveMemory = {
  rows(): PlacedRow[];
  polls(rolloutId: string): MeasuredPoll[];
  now(): Millis;
};

const overlapMs = overlapSeconds * 1000;

/** The reads of watchers in memory. */
export function memoryLive(memory: LiveMemory): LiveReads {
  return {
    recent: async ({ since, known, limit }) => {
      const now = memory.now();
      const from = since ?? now - overlapMs;
      const rows = byNumber(memory.rows()).filter((row) => row.at >= from && !known.includes(row.number));
      return { rows: rows.slice(0, limit), now };
    },
    resumePoint: async (after) => resumePoint(byNumber(memory.rows()), after, memory.now()),
    history: async (query) => {
      const rows = byNumber(memory.rows()).filter((row) => matches(row, query));
      return rows.slice(0, query.limit);
    },
    measurements: async (query) => measurements(memory.polls(query.rolloutId), query),
  };
}

function byNumber(rows: PlacedRow[]): PlacedRow[] {
  return [...rows].sort((left, right) => left.number - right.number);
}

function resumePoint(rows: PlacedRow[], after: number | null, now: Millis): number {
  const at = rows.find(({ number }) => number === after)?.at;
  if (after === null) {
    const first = rows.find((row) => row.at >= now - overlapMs);
    return first === undefined ? (rows.at(-1)?.number ?? 0) : first.number - 1;
  }
  if (at === undefined) return after;
  const first = rows.find((row) => row.at >= at - overlapMs && row.number <= after);
  return first === undefined ? after : first.number - 1;
}

function matches(row: PlacedRow, query: HistoryQuery): boolean {
  return (
    row.number > query.afterNumber &&
    (query.namespace ?? row.namespace) === row.namespace &&
    (query.virtualService ?? row.virtualService) === row.virtualService &&
    (query.type ?? row.type) === row.type
  );
}

function measurements(
  polls: MeasuredPoll[],
  { since, check, step, judged, limit }: MeasurementQuery,
): MeasuredPoll[] {
  const found = [...polls]
    .sort((left, right) => left.at - right.at)
    .filter((poll) => check === undefined || Object.hasOwn(poll.checks, check))
    .filter((poll) => judged === undefined || poll.verdict !== null)
    .filter((poll) => step === undefined || poll.step === step)
    .filter((poll) => since === undefined || poll.at >= since);
  return since === undefined ? found.slice(-limit) : found.slice(0, limit);
}
