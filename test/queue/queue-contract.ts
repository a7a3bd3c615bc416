import { describe, expect, it } from 'vitest';
import { rolloutId } from '../fakes/rollouts.ts';
import { bell } from './bell.ts';
import { type Bench, openBench } from './bench.ts';
import { describeMishaps } from './queue-mishaps.ts';
import { describeOutages } from './queue-outages.ts';
import type { QueueServer } from './servers.ts';

const id = rolloutId(1);
const other = rolloutId(2);

/** What alarms promise on any server, and what befalls a queue without breaking a promise. */
export function describeAlarms(name: string, start: () => Promise<QueueServer>): void {
  describe(`an alarm on ${name}`, () => {
    const bench = openBench(start);
    describePromises(bench);
    describe('through what befalls a queue', () => describeMishaps(bench));
    describe('whose server is away', () => describeOutages(bench));
  });
}

function describePromises({ server, alarm, work }: Bench): void {
  it('rings after its delay and not before', async () => {
    const rings = bell();
    work(rings.ring);
    const asked = performance.now();
    await alarm().ring(id, 10_000 + 400, 10_000);
    expect(await rings.next()).toBe(id);
    expect(performance.now() - asked).toBeGreaterThan(390);
    expect(performance.now() - asked).toBeLessThan(5000);
  });

  it('rings at once when its time has passed', async () => {
    const rings = bell();
    work(rings.ring);
    await alarm().ring(id, 5000, 10_000);
    expect(await rings.next()).toBe(id);
  });

  it('that is sooner than the one a worker waits for is not kept waiting', async () => {
    const rings = bell();
    work(rings.ring);
    await alarm().ring(id, 60_000, 0);
    await alarm().ring(other, 100, 0);
    expect(await rings.next()).toBe(other);
  });

  it('set twice for the same time rings once, and for two times twice', async () => {
    const rings = bell();
    await alarm().ring(id, 100, 0);
    await alarm().ring(id, 100, 0);
    await alarm().ring(id, 101, 0);
    await alarm().ring(other, 600, 0);
    work(rings.ring);
    const heard = [await rings.next(), await rings.next(), await rings.next()];
    expect(heard.sort()).toEqual([id, id, other]);
  });

  it('rings for every rollout that is due at nearly the same time, by one job', async () => {
    const rings = bell();
    const ids = [1, 2, 3, 4].map(rolloutId);
    const set = alarm();
    await Promise.all(ids.map((one, index) => set.ring(one, 1200 + 10 * index, 0)));
    expect(await server().jobs()).toHaveLength(1);
    work(rings.ring, { concurrency: 2 });
    const heard = await Promise.all(ids.map(() => rings.next()));
    expect(heard.sort()).toEqual(ids);
  });

  it('rings for the company of an alarm that was set before', async () => {
    const rings = bell();
    const set = alarm();
    await set.ring(id, 1200, 0);
    await Promise.all([set.ring(id, 1200, 0), set.ring(other, 1210, 0)]);
    work(rings.ring);
    const heard = new Set<string>();
    while (heard.size < 2) heard.add(await rings.next());
    expect([...heard].sort()).toEqual([id, other].sort());
  });

  it('rings for the others when the turn of one throws', async () => {
    const rings = bell();
    const set = alarm();
    await Promise.all([id, other].map((one) => set.ring(one, 1200, 0)));
    work(async (rolloutId) => {
      if (rolloutId === id) throw new Error('a bad turn');
      await rings.ring(rolloutId);
    });
    expect(await rings.next()).toBe(other);
    await expect.poll(() => server().jobs()).toEqual([]);
  });

  it('leaves nothing behind in the queue, whether its turn succeeds or throws', async () => {
    const rings = bell();
    work(async (rolloutId) => {
      await rings.ring(rolloutId);
      if (rolloutId === id) throw new Error('a bad turn');
    });
    await alarm().ring(id, 0, 0);
    await alarm().ring(other, 0, 0);
    await Promise.all([rings.next(), rings.next()]);
    await expect.poll(() => server().jobs()).toEqual([]);
  });
}
