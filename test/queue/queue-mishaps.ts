import { expect, it } from 'vitest';
import { rolloutId } from '../fakes/rollouts.ts';
import { bell, listeningLog } from './bell.ts';
import type { Bench } from './bench.ts';
import { untilHeard } from './queue-outages.ts';

const id = rolloutId(1);
const other = rolloutId(2);

/** Processes take seconds to start on a busy machine. */
const processes = { timeout: 60_000 };

/** The known troubles of BullMQ and its clients, while the server runs. */
export function describeMishaps({ server, alarm, work, workElsewhere }: Bench): void {
  it(
    'aborts the turn of a worker that stood still, when that goes on; another one has heard the alarm',
    processes,
    async () => {
      const rings = bell();
      const still = await workElsewhere();
      await alarm().ring(id, 0, 0);
      await still.said('rang');
      still.signal('SIGSTOP');
      work(rings.ring);
      expect(await rings.next()).toBe(id);
      still.signal('SIGCONT');
      expect(await still.said('aborted')).toMatchObject({ id });
    },
  );

  it(
    'is handed on by a worker that is killed, and never given up for the number of such crashes',
    processes,
    async () => {
      const rings = bell();
      const [first, second] = await Promise.all([workElsewhere(), workElsewhere()]);
      await alarm().ring(id, 0, 0);
      const unlucky = await Promise.race([first, second].map((one) => one.said('rang').then(() => one)));
      const next = unlucky === first ? second : first;
      unlucky.signal('SIGKILL');
      await next.said('rang');
      next.signal('SIGKILL');
      work(rings.ring);
      expect(await rings.next()).toBe(id);
    },
  );

  it('is lost in silence when the queue loses everything; the next one rings', async () => {
    const rings = bell();
    const log = listeningLog();
    let endTurn = () => {};
    const turn = new Promise<void>((resolve) => {
      endTurn = resolve;
    });
    work(
      async (rolloutId) => {
        await rings.ring(rolloutId);
        if (rolloutId === id) await turn;
      },
      { log },
    );
    await alarm().ring(id, 0, 0);
    await rings.next();
    await alarm().ring(rolloutId(3), 300, 0);
    await server().lose();
    endTurn();
    await alarm().ring(other, 600, 0);
    expect(await rings.next()).toBe(other);
  });

  it('asked for again after it rang rings again: a turn may want the same time twice', async () => {
    const rings = bell();
    work(rings.ring);
    await alarm().ring(id, 0, 0);
    await rings.next();
    await expect.poll(() => server().jobs()).toEqual([]);
    await alarm().ring(id, 0, 0);
    expect(await rings.next()).toBe(id);
  });

  it('has an id that begins with a letter and has no colon, and carries the id of its rollout and nothing else', async () => {
    await alarm().ring(id, 60_000, 0);
    expect(await server().jobs()).toEqual([{ id: `wake-${id}-60000`, data: { rolloutId: id } }]);
  });

  it.each([
    ['ahead of', 3_600_000],
    ['behind', -3_600_000],
  ])("rings in time when PostgreSQL's clock is an hour %s this process's", async (_, aheadMs) => {
    const rings = bell();
    work(rings.ring);
    const now = Date.now() + aheadMs;
    const asked = performance.now();
    await alarm().ring(id, now + 300, now);
    expect(await rings.next()).toBe(id);
    expect(performance.now() - asked).toBeGreaterThan(290);
    expect(performance.now() - asked).toBeLessThan(5000);
  });

  it(
    'rings early on a worker whose own clock is ahead, so that a ring alone decides nothing',
    processes,
    async () => {
      const early = await workElsewhere({ aheadMs: 3_600_000, turnMs: 0 });
      await alarm().ring(id, 1_800_000, 0);
      expect(await early.said('rang')).toMatchObject({ id });
    },
  );

  it('is told of a turn that throws something else than an Error', async () => {
    const rings = bell();
    const log = listeningLog();
    work(
      async (rolloutId) => {
        await rings.ring(rolloutId);
        throw 'not even an Error';
      },
      { log },
    );
    await alarm().ring(id, 0, 0);
    await rings.next();
    await expect.poll(() => log.said.map(({ fields }) => fields['reason'])).toContain('a turn threw string');
  });

  it('aborts a turn that outlives the worker, and the worker closes all the same', async () => {
    const rings = bell();
    let aborted = false;
    const worker = work(
      (rolloutId, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve();
          });
          void rings.ring(rolloutId);
        }),
      { closeWithinMs: 100 },
    );
    await alarm().ring(id, 0, 0);
    await rings.next();
    await worker.close();
    expect(aborted).toBe(true);
  });

  it('goes on ringing after every connection was cut', async () => {
    const rings = bell();
    work(rings.ring);
    const set = alarm();
    await set.ring(id, 0, 0);
    await rings.next();
    await server().cut();
    // Those asked for on a connection that is found dead may be lost.
    const heard = rings.next();
    await untilHeard(heard, () => set.ring(other, 0, 0));
    expect(await heard).toBe(other);
  });

  it('is given up after a second when the server takes the question and never answers', async () => {
    const log = listeningLog();
    const set = alarm(log);
    await set.ring(id, 60_000, 0);
    const thaw = await server().freeze();
    try {
      const asked = performance.now();
      await set.ring(other, 60_000, 0);
      expect(performance.now() - asked).toBeLessThan(1300);
      expect(log.said.length).toBe(1);
    } finally {
      thaw();
    }
  });

  it('does not keep a worker from closing that the server no longer answers', async () => {
    const rings = bell();
    const worker = work(rings.ring, { closeWithinMs: 200 });
    await alarm().ring(id, 0, 0);
    await rings.next();
    const thaw = await server().freeze();
    try {
      const asked = performance.now();
      await worker.close();
      expect(performance.now() - asked).toBeLessThan(4000);
    } finally {
      thaw();
    }
  });
}
