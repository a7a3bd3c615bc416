import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Leftover, processesWith } from './leftovers.ts';
import { newerNode, newerNodeVersion, olderPostgres } from './npm-packages.ts';
import { ensurePrometheus } from './prometheus.ts';
import { ensureRedis } from './redis.ts';
import { readReport, type TestRun } from './test-report.ts';

const root = join(import.meta.dirname, '..');
const mark = 'CANARYD_TEST_RUN';
const run = randomBytes(8).toString('hex');

/** A server that was told to end may still be writing its last page. */
const graceMs = 5000;

await main(process.argv.slice(2));

/** Runs the named groups of tests (`unit`, `contract`, `e2e`; none: all), or whatever else vitest is to be told. */
async function main(args: string[]): Promise<void> {
  const groups = args.filter((arg) => ['unit', 'contract', 'e2e'].includes(arg));
  const rest = args.filter((arg) => !groups.includes(arg));
  if (groups.length === 0 || groups.some((group) => group !== 'unit')) await fetchPrograms();
  const report = join(root, '.cache', 'test-results', `${run}.json`);
  await mkdir(join(root, '.cache', 'test-results'), { recursive: true });
  const code = await runVitest([...groups.map((group) => `--project=${group}`), ...rest], report);
  const leftovers = await endLeftovers();
  const written = readReport(await readFile(report, 'utf8').catch(() => null), root);
  await rm(report, { force: true });
  const left = leftovers.map(({ pid, command }) => `left running: ${command} (${pid}, ended now)`);
  const { passed, failed, skipped, failures } = settle(written, code, left);
  for (const failure of failures) console.log(`Failed on Node ${process.versions.node}: ${failure}`);
  console.log(
    `Totals on Node ${process.versions.node}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Before the tests, whose time limits do not allow for a download. What is missing is said, and its tests tell. */
async function fetchPrograms(): Promise<void> {
  const log = (message: string) => console.error(message);
  await unlessItFails('Prometheus', () => ensurePrometheus({ log }));
  await unlessItFails('Redis', () => ensureRedis({ log }));
  const postgres = await olderPostgres(log);
  if (postgres.kind === 'missing') log(`The tests that need PostgreSQL 15 will fail: ${postgres.why}`);
  const node = await newerNode(log);
  if (node.kind === 'missing') log(`No release is tried on Node ${newerNodeVersion}: ${node.why}`);
}

async function unlessItFails(name: string, fetch: () => Promise<unknown>): Promise<void> {
  try {
    await fetch();
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : cause);
    console.error(`The tests that need ${name} will fail.`);
  }
}

async function runVitest(args: string[], report: string): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = spawn(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--passWithNoTests', ...reporters, ...args],
    { cwd: root, stdio: 'inherit', env: { ...process.env, [mark]: run } },
  );
  // Ctrl-C reaches vitest by itself; the totals and the search for leftovers still follow.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => vitest.kill('SIGTERM'));
  const [code] = await once(vitest, 'exit');
  return typeof code === 'number' ? code : 1;
}

/** Answers the processes that the tests left running, having ended them. */
async function endLeftovers(): Promise<Leftover[]> {
  const until = Date.now() + graceMs;
  let found = await processesWith(mark, run);
  while (found.length > 0 && Date.now() < until) {
    await wait(100);
    found = await processesWith(mark, run);
  }
  for (const { pid } of found) endOne(pid);
  return found;
}

function endOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Whatever goes wrong outside the tests counts as one failure: an error nobody awaited, a process left running. */
function settle(run: TestRun, code: number, left: string[]): TestRun {
  const outside = code === 0 || run.failed > 0 ? [] : ['outside the tests; the reason stands above'];
  const failures = [...run.failures, ...outside, ...left];
  return { ...run, failures, failed: Math.max(run.failed, Math.min(1, failures.length)) };
}
