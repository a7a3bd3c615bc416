import { once } from 'node:events';
import { type Stack, startStack } from '../local/stack.ts';
import type { Benchmark, BenchmarkOptions } from './benchmark.ts';
import { describeRow, type Row, reportOf } from './breach-report.ts';
import { measureRelease, type Release, releases } from './measure-release.ts';

/**
 * From the first instant at which the plan's own query stays above its limit, with enough requests, to the canary's
 * last request. Each seed is a fresh stack with a real Prometheus; all times are by this machine's clock.
 */
export const breachToStable: Benchmark = async (options) => {
  const rows: Row[] = [];
  for (const seed of options.seeds) {
    if (!options.signal.aborted) rows.push(...(await runSeed(seed, options)));
  }
  return reportOf(rows, options.seeds.length * releases.length);
};

async function runSeed(seed: number, { say, signal }: BenchmarkOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const note = (row: Row) => {
    // What still comes from a stack that is being ended is no figure.
    if (signal.aborted) return;
    rows.push(row);
    say(describeRow(row));
  };
  try {
    const stack = await startStack({ seed, say: () => undefined });
    const interrupted = signal.aborted ? null : once(signal, 'abort');
    await Promise.race([playAll(stack, seed, note), interrupted]).finally(() => stack.close());
  } catch (error) {
    // A stack that does not start is a missing figure, and the next seed may still run.
    for (const { scenario } of releases.slice(rows.length)) note(failedRow(seed, scenario.name, error));
  }
  return rows;
}

async function playAll(stack: Stack, seed: number, note: (row: Row) => void): Promise<void> {
  for (const release of releases) note(await playOne(stack, seed, release));
}

async function playOne(stack: Stack, seed: number, release: Release): Promise<Row> {
  return measureRelease(stack, release).then(
    (measured) => ({ kind: 'measured', seed, ...measured }),
    (error: unknown) => failedRow(seed, release.scenario.name, error),
  );
}

function failedRow(seed: number, scenario: Row['scenario'], error: unknown): Row {
  const why = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, 200);
  return { kind: 'failed', seed, scenario, why };
}
