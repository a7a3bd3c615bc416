import { describe, expect, it } from 'vitest';
import { openFeed } from '../../src/api/live/feed.ts';
import type { LiveReads, PlacedRow } from '../../src/rollout/ports/live.ts';
import { memoryLive } from '../fakes/live.ts';
import { type FakeTimer, fakeTimer, settled } from '../fakes/timer.ts';
import { alice, now, rolloutId } from './rollouts.ts';

function row(number: number, at = now): PlacedRow {
  const place = { namespace: 'payments', virtualService: 'payment-service' };
  const event = { type: 'page' as const, actor: alice, message: 'A page.', facts: {} };
  return { ...event, ...place, number, seq: number, rolloutId, subject: rolloutId, at };
}

type World = { rows: PlacedRow[]; now: number; polls: number; broken: Error | null; timer: FakeTimer };

function feedOn(world: World, warnings: string[] = []) {
  const reads = memoryLive({ rows: () => world.rows, polls: () => [], now: () => world.now });
  const recent: LiveReads['recent'] = async (asked) => {
    world.polls += 1;
    if (world.broken !== null) throw world.broken;
    return reads.recent(asked);
  };
  const log = { warn: (_fields: unknown, message: string) => void warnings.push(message) };
  return openFeed({ recent, timer: world.timer, log });
}

function aWorld(): World {
  return { rows: [], now, polls: 0, broken: null, timer: fakeTimer() };
}

function ear() {
  const heard: number[] = [];
  let closed = 0;
  return {
    heard,
    closed: () => closed,
    onRow: ({ number }: PlacedRow) => void heard.push(number),
    onClose: () => {
      closed += 1;
    },
  };
}

describe('the feed', () => {
  it('asks the database only while somebody listens, and once for all of them', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    await world.timer.pass(5000);
    expect(world.polls).toBe(0);
    const leave = [ear(), ear(), ear()].map((one) => feed.subscribe(one));
    await world.timer.pass(5000);
    expect(world.polls).toBe(10);
    for (const one of leave) one();
    await world.timer.pass(5000);
    expect(world.polls).toBe(10);
    expect(world.timer.waiting()).toBe(0);
  });

  it('tells every listener each row once', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    const [first, second] = [ear(), ear()];
    feed.subscribe(first);
    feed.subscribe(second);
    world.rows.push(row(1));
    await world.timer.pass(500);
    world.rows.push(row(2));
    await world.timer.pass(2000);
    expect([first.heard, second.heard]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('tells a row of a slow transaction that has a lower number than one told before', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    const one = ear();
    feed.subscribe(one);
    world.rows.push(row(2, now + 10));
    await world.timer.pass(500);
    world.now += 25_000;
    world.rows.push(row(1, now));
    await world.timer.pass(500);
    expect(one.heard).toEqual([2, 1]);
  });

  it('does not lose a row when this process was stopped for minutes', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    const one = ear();
    feed.subscribe(one);
    await world.timer.pass(500);
    world.rows.push(row(1, now + 1000));
    world.now += 300_000;
    await world.timer.pass(500);
    expect(one.heard).toEqual([1]);
  });

  it('forgets what is too old to come late, so that its memory stays small', async () => {
    const world = aWorld();
    const asked: number[] = [];
    const reads = memoryLive({ rows: () => world.rows, polls: () => [], now: () => world.now });
    const feed = openFeed({
      timer: world.timer,
      recent: (query) => {
        asked.push(query.known.length);
        return reads.recent(query);
      },
    });
    feed.subscribe(ear());
    world.rows.push(row(1), row(2));
    await world.timer.pass(1000);
    world.now += 31_000;
    await world.timer.pass(1000);
    expect(asked).toEqual([0, 2, 2, 0]);
  });

  it('reads on at once after a full page, until nothing is left', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    const one = ear();
    feed.subscribe(one);
    world.rows.push(...Array.from({ length: 1200 }, (_, index) => row(index + 1)));
    await world.timer.pass(500);
    expect(one.heard).toHaveLength(1200);
  });

  it('waits for a database that fails, asks it less and less often, and says so once', async () => {
    const world = aWorld();
    const warnings: string[] = [];
    const feed = feedOn(world, warnings);
    const one = ear();
    feed.subscribe(one);
    world.broken = new Error('down');
    await world.timer.pass(30_000);
    expect(world.polls).toBeLessThan(12);
    expect(one.closed()).toBe(0);
    expect(warnings).toEqual(['live answers wait for the database']);
    world.broken = null;
    world.rows.push(row(1));
    await world.timer.pass(5000);
    expect(one.heard).toEqual([1]);
  });

  it('does not wait for ever for an answer that never comes', async () => {
    const timer = fakeTimer();
    let polls = 0;
    const feed = openFeed({
      timer,
      recent: () => {
        polls += 1;
        return new Promise(() => undefined);
      },
    });
    feed.subscribe(ear());
    await timer.pass(60_000);
    expect(polls).toBeGreaterThan(3);
  });

  it('ends all listeners when it closes, and those that come later at once', async () => {
    const world = aWorld();
    const feed = feedOn(world);
    const [early, late] = [ear(), ear()];
    feed.subscribe(early);
    feed.close();
    feed.subscribe(late);
    await settled();
    expect([early.closed(), late.closed()]).toEqual([1, 1]);
    expect(world.timer.waiting()).toBe(0);
  });
});
