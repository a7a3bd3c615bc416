import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { crashes } from '../../test/crash/points.ts';
import { playCrashes } from '../../test/crash/stage.ts';
import { openPlace, type Place } from './place.ts';
import { startRedisAgain } from './redis-again.ts';

export type FaultOptions = { run: number; downSeconds: number };

/** What was broken, what counts as mended, and the milliseconds in between; one run may give several. */
export type Figures = { fault: string; recovery: string; ms: number[] };

/** The lease of the product. */
const leaseSeconds = 15;

/** The plan's interval, and what a turn takes. */
const rhythmMs = 1500;

/** A worker dies at every point of a turn, and another one takes over. */
export async function workerKilled(): Promise<Figures[]> {
  const stage = await playCrashes(crashes, leaseSeconds);
  await stage.close();
  const stories = [...stage.stories.values()];
  const lost = stories.filter(({ status }) => status !== 'succeeded' && status !== 'rolled_back');
  if (lost.length > 0) throw new Error(`not ended: ${lost.map(({ status }) => status).join('; ')}`);
  const ms = stories.flatMap(({ takenOverMs }) => takenOverMs ?? []);
  return [{ fault: 'worker killed, at each point of a turn', recovery: 'another worker has the turn', ms }];
}

/** Everything else breaks under one release, one after the other. */
export async function partsLost({ run, downSeconds }: FaultOptions): Promise<Figures[]> {
  const place = await openPlace(run);
  try {
    return [
      await redisFlushed(place),
      ...(await redisDown(place, downSeconds)),
      await databaseRestarted(place),
      ...(await apiServerDown(place, downSeconds)),
    ];
  } finally {
    await place.close();
  }
}

async function redisFlushed({ stack, turns }: Place): Promise<Figures> {
  const client = new Redis(stack.redis?.url ?? '', { lazyConnect: true });
  await turns.betweenTwo();
  await client.flushall();
  client.disconnect();
  const ms = await turns.next(Date.now());
  return { fault: 'Redis flushed', recovery: 'the next turn is taken', ms: [ms] };
}

async function redisDown({ stack, turns, closings }: Place, downSeconds: number): Promise<Figures[]> {
  await turns.betweenTwo();
  stack.redis?.signal('SIGKILL');
  const upAt = Date.now() + downSeconds * 1000;
  const rest = await turns.longestRest(() => Date.now() > upAt);
  closings.push(await startRedisAgain(stack.redis?.url ?? ''));
  const backMs = Date.now();
  // The alarms have the turns again when two in a row come in the rhythm of the plan.
  for (let inRhythm = 0; inRhythm < 2; )
    inRhythm = (await turns.next(Date.now())) < rhythmMs ? inRhythm + 1 : 0;
  const ms = Date.now() - backMs;
  const fault = `Redis down ${downSeconds} s`;
  return [
    { fault: `${fault}, meanwhile`, recovery: 'the longest rest between two turns', ms: [rest] },
    { fault: `${fault}, then back`, recovery: 'two turns in a row by alarm, 1 s apart', ms: [ms] },
  ];
}

async function databaseRestarted({ stack, turns }: Place): Promise<Figures> {
  await turns.betweenTwo();
  const atMs = Date.now();
  await stack.postgres.crash();
  await stack.postgres.start();
  const ms = await turns.next(atMs);
  return { fault: 'PostgreSQL killed, started again', recovery: 'the next turn is taken', ms: [ms] };
}

async function apiServerDown(place: Place, downSeconds: number): Promise<Figures[]> {
  const { faults } = place.stack.sandbox;
  faults.apiDown = true;
  await place.rollBack();
  const downMs = Date.now();
  await wait(downSeconds * 1000);
  const isPaged = async () => (await place.events()).some(({ type }) => type === 'page');
  const isLong = downSeconds >= 60;
  if (isLong) await place.until('somebody is paged', isPaged);
  const pagedMs = Date.now() - downMs;
  faults.apiDown = false;
  const backMs = Date.now();
  await place.until('it is rolled back', async () => (await place.find()).status === 'rolled_back');
  const ms = [Date.now() - backMs];
  const fault = `API server down ${downSeconds} s during a rollback`;
  const paged = { fault: `${fault}, meanwhile`, recovery: 'somebody is paged', ms: [pagedMs] };
  const back = { fault: `${fault}, then back`, recovery: 'canary at 0 %, read back', ms };
  return isLong ? [paged, back] : [back];
}
