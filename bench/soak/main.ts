// Two canaryd under releases, live streams and readers for minutes: does anything grow that should not?
import { setMaxListeners } from 'node:events';
import { loadavg } from 'node:os';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { RunningCanaryd } from '../../local/canaryd.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { smallServices } from '../../test/crash/mesh.ts';
import { allCounted } from './counted.ts';
import { lookAtProcess, lookAtStorage, type Watched } from './look.ts';
import { type Options, readOptions, usage } from './options.ts';
import { keepListening, keepReading, listeners } from './readers.ts';
import { keepReleasing, pause, type Tally } from './releases.ts';
import { progressOf, reportOf } from './report.ts';
import type { Peer } from './sockets.ts';
import type { Sample } from './verdict.ts';

const sampleMs = 5000;
const progressSeconds = 30;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(usage);
    return 2;
  }
  const services = Array.from({ length: options.rollouts }, (_, index) => `service-${index + 1}`);
  const stack = await startStack({
    seed: 1,
    say,
    pairing: { postgres: 18, queue: 'redis', node: 'running' },
    mesh: smallServices(services),
  });
  try {
    return await soak(stack, services, options);
  } finally {
    await stack.close();
  }
}

async function soak(stack: Stack, services: string[], { minutes }: Options): Promise<number> {
  const both = [stack.canaryd, await stack.startAnother()];
  const accesses = both.map(({ url }) => ({ api: url, token: stack.token }));
  const watched = both.map((canaryd, index) => watchedOf(stack, canaryd, `canaryd ${index + 1}`));
  const tally: Tally = { ended: new Map(), late: [] };
  const over = new AbortController();
  // Everything that runs listens to it.
  setMaxListeners(0, over.signal);
  const load = [
    ...services.map((service) => keepReleasing(stack.sandbox, { service, accesses, tally }, over.signal)),
    ...accesses.flatMap((access) => [
      keepReading(access, over.signal),
      ...listeners.map((listener) => keepListening(access, listener, over.signal)),
    ]),
  ];
  const samples = await Promise.race([
    sampleFor(minutes * 60, stack, watched, tally),
    Promise.all(load).then((): never => {
      throw new Error('the load ended by itself');
    }),
  ]).finally(() => over.abort());
  await Promise.all(load);
  const counted = allCounted(watched.map(({ name }) => name));
  const { text, isFlat } = reportOf(samples, counted, tally, minutes);
  const load1 = loadavg()[0]?.toFixed(1);
  process.stdout.write(
    `${text}\n${samples.length} samples in ${minutes} minutes, load ${load1} at the end.\n`,
  );
  return isFlat ? 0 : 1;
}

async function sampleFor(seconds: number, stack: Stack, watched: Watched[], tally: Tally): Promise<Sample[]> {
  const db = new pg.Pool({ connectionString: stack.databaseUrl, max: 1, application_name: 'soak' });
  const redis = new Redis(stack.redis?.url ?? '', { maxRetriesPerRequest: 1 });
  for (const one of [db, redis]) one.on('error', () => undefined);
  const samples: Sample[] = [];
  const [began, never] = [performance.now(), new AbortController().signal];
  const passed = () => (performance.now() - began) / 1000;
  let told = 0;
  while (passed() < seconds) {
    await pause(sampleMs, never);
    const looks = await Promise.all([...watched.map(lookAtProcess), lookAtStorage(db, redis)]);
    const sample = { seconds: passed(), values: Object.assign({}, ...looks) };
    samples.push(sample);
    if (sample.seconds - told < progressSeconds) continue;
    told = sample.seconds;
    const names = watched.map(({ name }) => name);
    say(progressOf(sample, names, tally));
  }
  redis.disconnect();
  await db.end();
  return samples;
}

function watchedOf(stack: Stack, { process: child, url }: RunningCanaryd, name: string): Watched {
  const remote = new Map<number, Peer>([
    [portOf(stack.databaseUrl), 'PostgreSQL'],
    [portOf(stack.redis?.url ?? ''), 'Redis'],
    [portOf(stack.sandbox.apiUrl), 'Kubernetes'],
    [portOf(stack.prometheusUrl), 'Prometheus'],
  ]);
  if (child.pid === undefined) throw new Error(`${name} did not start`);
  return { name, url, pid: child.pid, ports: { remote, own: portOf(url) } };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}Z ${text}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`the run could not be made: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(2);
  },
);
