import fc from 'fast-check';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { type WatchedList, watchList } from '../../src/traffic/watched-list.ts';
import { type FakeTimer, fakeTimer, settled } from '../fakes/timer.ts';
import { fakeWatchServer, type Stored, type WatchServer } from '../fakes/watch-server.ts';

const Item = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), resourceVersion: z.string() }),
  text: z.string(),
});
type Item = z.infer<typeof Item>;

const names = ['a', 'b', 'c'];
const name = fc.constantFrom(...names);

/** What may happen to a list that is watched. `write` is ours: its answer comes with one of the next `answer`. */
const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constantFrom('put' as const, 'write' as const, 'write' as const), name }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('remove' as const, 'recreate' as const), name }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('answer' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('bookmark' as const, 'end' as const, 'cut' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('garble' as const, 'forget' as const, 'hold' as const, 'let go' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('refuse' as const),
      code: fc.constantFrom(null, 410, 429, 500),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

type World = {
  server: WatchServer;
  timer: FakeTimer;
  list: WatchedList<Item>;
  unanswered: Stored[];
  /** The newest version that we had an answer of, by name. */
  answered: Map<string, number>;
  /** The list showed everything up to here once. */
  shown: number;
};

async function begin(): Promise<World> {
  const timer = fakeTimer();
  const server = fakeWatchServer(timer.after);
  for (const one of names) server.put(one, 'first');
  const list = watchList(
    { open: server.open, read: (object) => Item.safeParse(object).data ?? null, denied: () => undefined },
    { now: timer.now, after: timer.after, random: () => 0.5 },
  );
  await settled();
  return { server, timer, list, unanswered: [], answered: new Map(), shown: 1 };
}

async function happen(world: World, one: Happening): Promise<void> {
  const { server, timer, list, unanswered } = world;
  list.touch();
  switch (one.what) {
    case 'put':
      server.put(one.name, `theirs ${server.version()}`);
      break;
    case 'write':
      unanswered.push(server.put(one.name, 'ours'));
      break;
    case 'remove':
      server.remove(one.name);
      break;
    case 'recreate':
      server.remove(one.name);
      server.put(one.name, 'another');
      break;
    case 'answer':
      answer(world);
      break;
    case 'bookmark':
      server.bookmark();
      break;
    case 'end':
      server.endStreams();
      break;
    case 'cut':
      server.cutStreams();
      break;
    case 'garble':
      server.say('{"type":\n');
      break;
    case 'forget':
      server.forget();
      break;
    case 'hold':
      server.hold(true);
      break;
    case 'let go':
      server.hold(false);
      break;
    case 'refuse':
      server.refuse(one.code);
      break;
    case 'pass':
      await timer.pass(one.ms);
      break;
  }
  await settled();
}

function answer({ unanswered, list, answered }: World): void {
  for (const object of unanswered.splice(0)) {
    const { name: written, resourceVersion } = object.metadata;
    list.wrote(object);
    answered.set(written, Number(resourceVersion));
  }
}

function check(world: World): void {
  const { server, list, answered, shown } = world;
  if (!list.isWarm()) return;
  const items = [...list.all()].map(({ item }) => item);
  const versions = Array.from({ length: server.version() - shown + 1 }, (_, index) => shown + index);
  const matching = versions.find((version) => isSame(items, [...server.at(version).values()]));
  expect(matching, `as of a version from ${shown} on: ${JSON.stringify(items)}`).toBeDefined();
  world.shown = matching ?? shown;
  for (const one of names) {
    const kept = list.find(one);
    const found = typeof kept === 'string' ? undefined : kept.item;
    const from = Math.max(world.shown, answered.get(one) ?? 0);
    const isOne = versions.some(
      (version) => version >= from && isSame([found], [server.at(version).get(one)]),
    );
    expect(isOne, `${one} as of a version from ${from} on: ${JSON.stringify(found)}`).toBe(true);
  }
}

function isSame(left: (Item | Stored | null | undefined)[], right: (Item | Stored | undefined)[]): boolean {
  const shown = (objects: typeof left) =>
    JSON.stringify(
      objects.toSorted((a, b) => ((a?.metadata.name ?? '') < (b?.metadata.name ?? '') ? -1 : 1)),
    );
  return shown(left) === shown(right);
}

it('a warm list is what the server had at some version, never before the last one it answered us, and becomes what it has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 40 }), async (happenings) => {
      const world = await begin();
      for (const one of happenings) {
        await happen(world, one);
        check(world);
      }
      const { server, timer, list } = world;
      server.refuse(null);
      server.hold(false);
      answer(world);
      for (let second = 0; second < 80 || (!list.isWarm() && second < 90); second += 1) {
        list.touch();
        await timer.pass(1000);
      }
      check(world);
      expect(list.isWarm()).toBe(true);
      expect(
        isSame(
          [...list.all()].map(({ item }) => item),
          [...server.at(server.version()).values()],
        ),
      ).toBe(true);
      list.stop();
      await settled();
      expect(timer.waiting()).toBe(0);
    }),
    { numRuns: 200 },
  );
}, 60_000);
