import { z } from 'zod';
import { type Row, sampleNumber } from '../src/metrics/answer.ts';

/** Instants from `fromMs` to `toMs`, both included where they are hit, `stepMs` apart. */
export type Grid = { fromMs: number; toMs: number; stepMs: number };

const Matrix = z.looseObject({
  status: z.literal('success'),
  data: z.looseObject({
    resultType: z.literal('matrix'),
    result: z.array(
      z.looseObject({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string().transform(sampleNumber)])),
      }),
    ),
  }),
});

const answerMs = 10_000;

/** Every instant of a grid, in ms since the epoch. */
export function instantsOf({ fromMs, toMs, stepMs }: Grid): number[] {
  return Array.from(
    { length: Math.floor((toMs - fromMs) / stepMs) + 1 },
    (_, index) => fromMs + index * stepMs,
  );
}

/**
 * Evaluates a query at each instant of the grid and answers the rows of each; an instant without rows is absent. A
 * range query is one instant query after the other (https://prometheus.io/docs/prometheus/latest/querying/api/), so
 * each answer is what an instant query would have given, once all samples up to then were stored. Throws when
 * Prometheus answers anything else.
 */
export async function askRange(url: string, query: string, grid: Grid): Promise<Map<number, Row[]>> {
  const parameters = new URLSearchParams({
    query,
    start: String(grid.fromMs / 1000),
    end: String(grid.toMs / 1000),
    step: String(grid.stepMs / 1000),
  });
  const response = await fetch(`${url}/api/v1/query_range?${parameters}`, {
    signal: AbortSignal.timeout(answerMs),
  });
  const { data } = Matrix.parse(await response.json());
  const rows = new Map<number, Row[]>();
  for (const { metric, values } of data.result) {
    for (const [seconds, value] of values) {
      const atMs = Math.round(seconds * 1000);
      rows.set(atMs, [...(rows.get(atMs) ?? []), { labels: metric, value }]);
    }
  }
  return rows;
}
