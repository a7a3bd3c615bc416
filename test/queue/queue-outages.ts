import { expect, it } from 'vitest';
import { rolloutId } from '../fakes/rollouts.ts';
import { bell, listeningLog } from './bell.ts';
import type { Bench } from './bench.ts';

const id = rolloutId(1);
const other = rolloutId(2);

/** A server that stops, comes back, or never was there. */
export function describeOutages({ server, alarm, closeQueue, work }: Bench): void {
  it('is given up within its deadline, throws nothing, is said once, and closing ends', async () => {
    const log = listeningLog();
    const set = alarm(log);
    const rings = bell();
    const worker = work(rings.ring, { log });
    await set.ring(id, 0, 0);
    await rings.next();
    await server().halt();
    const asked = performance.now();
    for (const at of [1, 2, 3]) await set.ring(id, at, 0);
    expect(performance.now() - asked).toBeLessThan(3 * 1100);
    expect(log.said.length).toBeGreaterThanOrEqual(1);
    expect(new Set(log.said.map((line) => JSON.stringify(line))).size).toBe(log.said.length);
    const closing = performance.now();
    await worker.close();
    await closeQueue();
    expect(performance.now() - closing).toBeLessThan(5000);
    expect(JSON.stringify(log.said)).not.toContain(new URL(server().source.url).password);
  });

  it('is heard once the server is there: neither queue nor worker needs it at the start', async () => {
    await server().halt();
    const log = listeningLog();
    const set = alarm(log);
    const rings = bell();
    work(rings.ring, { log });
    await set.ring(id, 0, 0);
    expect(log.said.length).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(log.said)).not.toContain(new URL(server().source.url).password);
    await server().startAgain();
    const heard = rings.next();
    await untilHeard(heard, () => set.ring(other, 0, 0));
    expect(await heard).toBe(other);
  });

  it('that was set before the server was restarted rings afterwards, by workers that nobody restarted', async () => {
    const rings = bell();
    work(rings.ring);
    await alarm().ring(id, 1500, 0);
    await server().halt();
    await server().startAgain();
    expect(await rings.next()).toBe(id);
  });

  it('and never was there does not keep the worker from closing', async () => {
    await server().halt();
    const asked = performance.now();
    await work(async () => undefined).close();
    expect(performance.now() - asked).toBeLessThan(4000);
  });
}

/** Asks again while nothing is heard: a client notices only after a while that a server is back. */
export async function untilHeard(heard: Promise<unknown>, ask: () => Promise<void>): Promise<void> {
  const until = performance.now() + 15_000;
  while (performance.now() < until) {
    await ask();
    const pause = new Promise((resolve) => setTimeout(resolve, 200, null));
    if ((await Promise.race([heard, pause])) !== null) return;
  }
}
