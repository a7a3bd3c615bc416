import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type WatchedList, watchList } from '../../src/traffic/watched-list.ts';
import { type FakeTimer, fakeTimer, settled } from '../fakes/timer.ts';
import { fakeWatchServer, type WatchServer } from '../fakes/watch-server.ts';

const Item = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), resourceVersion: z.string() }),
  text: z.string(),
});
type Item = z.infer<typeof Item>;

let server: WatchServer;
let timer: FakeTimer;
let list: WatchedList<Item>;
let denials: string[];

beforeEach(() => {
  timer = fakeTimer();
  server = fakeWatchServer(timer.after);
  denials = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(name, 'first');
});

afterEach(() => list.stop());

async function start(open = server.open): Promise<void> {
  list = watchList(
    {
      open,
      read: (object) => Item.safeParse(object).data ?? null,
      denied: (why) => denials.push(why),
    },
    { now: timer.now, after: timer.after, random: () => 0.5 },
  );
  await settled();
}

function textOf(name: string): string {
  const kept = list.find(name);
  return typeof kept === 'string' ? kept : (kept.item?.text ?? 'unreadable');
}

/** Somebody looks every second. */
async function passLooking(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    list.touch();
    await timer.pass(1000);
  }
}

/** Streams that end cleanly when their time is up. */
async function passStreams(count: number): Promise<void> {
  for (let stream = 0; stream < count; stream += 1) {
    await passLooking(30);
    server.endStreams();
    await settled();
  }
}

/** What breaks as it did, but says nothing, not even that it ends. */
async function* nothing(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const _chunk of chunks) yield Buffer.from('');
  await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

/** How many requests one list is: five objects, two a page. */
const pages = 3;
const isList = (what: string) => what === 'list';
const asked = () => server.asked.splice(0);

describe('a watched list', () => {
  it('is read page by page and then watched from its own version', async () => {
    await start();
    expect(asked()).toEqual(['list', 'list', 'list', 'watch 6']);
    expect(list.isWarm()).toBe(true);
    expect([...list.all()].map(({ item }) => item?.metadata.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('knows of a change as soon as it is told, without asking', async () => {
    await start();
    asked();
    server.put('a', 'second');
    server.put('new', 'first');
    server.remove('b');
    await settled();
    expect([textOf('a'), textOf('new'), textOf('b')]).toEqual(['second', 'first', 'absent']);
    expect(asked()).toEqual([]);
  });

  it('tells an object from another that was created under its name', async () => {
    await start();
    server.remove('a');
    const again = server.put('a', 'another');
    await settled();
    expect(list.find('a')).toEqual({ version: again.metadata.resourceVersion, item: again });
  });

  it('is watched on from the newest version that it heard of, bookmarks included', async () => {
    await start();
    asked();
    server.put('a', 'second');
    server.remove('b');
    server.put('b', 'again');
    server.bookmark();
    await passLooking(30);
    server.endStreams();
    await settled();
    expect(asked()).toEqual(['watch 9']);
    expect(list.isWarm()).toBe(true);
  });

  it('asks 2 times a minute while nothing changes, however many look', async () => {
    await start();
    asked();
    for (let half = 0; half < 20; half += 1) {
      await passLooking(30);
      server.endStreams();
      await settled();
    }
    const all = asked();
    expect(all.filter((what) => what.startsWith('watch'))).toHaveLength(20);
    expect(all.filter(isList).length).toBeLessThanOrEqual(3 * pages);
  });

  it('keeps of an object what is read of it, and says which cannot be read', async () => {
    await start();
    server.say(
      `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'odd', resourceVersion: '7' } } })}\n`,
    );
    await settled();
    expect(list.isWarm()).toBe(true);
    expect([textOf('odd'), textOf('a')]).toEqual(['unreadable', 'first']);
  });

  it('is left alone when nobody has looked for two minutes, and forgets what it knew', async () => {
    await start();
    for (let half = 0; half < 4; half += 1) {
      await timer.pass(30_000);
      server.endStreams();
      await settled();
      expect(list.hasEnded()).toBe(false);
    }
    await timer.pass(30_000);
    server.endStreams();
    await settled();
    expect([list.hasEnded(), list.isWarm(), [...list.all()], server.streams()]).toEqual([true, false, [], 0]);
  });

  it('ends at once, with its stream, when it is stopped', async () => {
    await start();
    list.stop();
    await settled();
    expect([list.hasEnded(), list.isWarm(), server.streams(), timer.waiting()]).toEqual([true, false, 0, 0]);
  });
});

describe('a watched list is cold', () => {
  it('at once when its stream breaks, and is watched on from its version within four seconds', async () => {
    await start();
    await passLooking(5);
    asked();
    server.cutStreams();
    await settled();
    expect(list.isWarm()).toBe(false);
    server.put('a', 'missed');
    await passLooking(4);
    expect(asked()).toEqual(['watch 6', 'watch 7']);
    expect([list.isWarm(), textOf('a')]).toEqual([true, 'missed']);
  });

  it('while a balancer takes each stream, tells nothing and breaks it', async () => {
    await start(async (query, signal) => {
      const opened = await server.open(query, signal);
      if (opened.kind !== 'open' || query.get('watch') !== 'true') return opened;
      return { kind: 'open', chunks: nothing(opened.chunks, signal) };
    });
    server.put('a', 'untold');
    let warmAfter = 0;
    for (let second = 1; second <= 170; second += 1) {
      await passLooking(1);
      if (second % 5 === 0) server.cutStreams();
      await settled();
      if (list.isWarm()) warmAfter = second;
    }
    expect(warmAfter).toBeLessThanOrEqual(33);
  });

  it('as long as the stream that is to catch up ends before it can have told all', async () => {
    await start(async (query, signal) => {
      const opened = await server.open(query, signal);
      if (query.get('timeoutSeconds') === '2') server.endStreams();
      return opened;
    });
    server.cutStreams();
    await passLooking(120);
    expect(list.isWarm()).toBe(false);
  });

  it.each([
    '{"type":"MODIF\n',
    '{"type":"SURPRISE","object":{}}\n',
    '{"type":"ADDED","object":{}}\n',
    '\xff\n',
  ])('at once when it is told what cannot be read: %j', async (text) => {
    await start();
    await passLooking(5);
    server.say(text);
    await settled();
    expect(list.isWarm()).toBe(false);
    await passLooking(2);
    expect(list.isWarm()).toBe(true);
  });

  it('when its stream ends within a line', async () => {
    await start();
    await passLooking(5);
    server.say('{"type":');
    server.endStreams();
    await settled();
    expect(list.isWarm()).toBe(false);
  });

  it('when the server has forgotten its version, and is listed again without a pause', async () => {
    await start();
    await passLooking(5);
    asked();
    server.forget();
    await settled();
    await timer.pass(0);
    await settled();
    expect(asked()).toEqual(['watch 6', 'list', 'list', 'list', 'watch 7']);
    expect(list.isWarm()).toBe(true);
  });

  it('when the server answers a watch with 410', async () => {
    await start();
    await passLooking(5);
    server.refuse(410, 'watch');
    server.endStreams();
    await settled();
    expect(list.isWarm()).toBe(false);
    server.refuse(null);
    await passLooking(2);
    expect(list.isWarm()).toBe(true);
  });

  it('33 s after its stream was opened, when the connection is half open', async () => {
    await start();
    server.hold(true);
    server.put('a', 'untold');
    await passLooking(33);
    expect([textOf('a'), server.streams()]).toEqual(['first', 0]);
    expect(list.isWarm()).toBe(false);
  });

  it('33 s after its list was asked for, when that took long and the stream tells nothing', async () => {
    const open: WatchServer['open'] = async (query, signal) => {
      const opened = await server.open(query, signal);
      if (query.get('watch') !== 'true')
        await new Promise<void>((resolve) => void timer.after(5000, resolve));
      return opened;
    };
    await start(open);
    await passLooking(15);
    expect(list.isWarm()).toBe(true);
    server.hold(true);
    await passLooking(19);
    expect([list.isWarm(), server.streams()]).toEqual([false, 1]);
  });

  it('when the process was stopped for longer than that, before any timer tells', async () => {
    let stoppedMs = 0;
    list = watchList<Item>(
      { open: server.open, read: () => null, denied: () => undefined },
      { now: () => timer.now() + stoppedMs, after: timer.after, random: () => 0.5 },
    );
    await settled();
    expect(list.isWarm()).toBe(true);
    stoppedMs = 33_001;
    expect(list.isWarm()).toBe(false);
  });

  it('while it is listed, and while no stream is open', async () => {
    server.refuse(500, 'watch');
    await start();
    expect(asked()).toEqual(['list', 'list', 'list', 'watch 6']);
    expect(list.isWarm()).toBe(false);
  });
});

describe('a server whose own view stands still', () => {
  it('is believed for five minutes at most, though each of its streams ends as it should', async () => {
    await start();
    server.hold(true);
    server.put('a', 'new');
    let oldAfter = 0;
    for (let second = 30; second <= 1800; second += 30) {
      await passStreams(1);
      if (list.isWarm() && textOf('a') !== 'new') oldAfter = second;
    }
    expect(oldAfter).toBeLessThanOrEqual(300);
    expect([list.isWarm(), textOf('a')]).toEqual([true, 'new']);
  });

  it('is read anew every few minutes and no more often', async () => {
    await start();
    asked();
    server.hold(true);
    await passStreams(60);
    const lists = asked().filter(isList).length / pages;
    expect(lists).toBeGreaterThanOrEqual(1800 / 300);
    expect(lists).toBeLessThanOrEqual(1800 / 120);
  });

  it('is watched on from the new list, which shows more than it told', async () => {
    await start();
    server.hold(true);
    const { resourceVersion } = server.put('a', 'new').metadata;
    asked();
    await passStreams(10);
    expect(asked().at(-1)).toBe(`watch ${resourceVersion}`);
    server.hold(false);
    server.put('a', 'newer');
    await settled();
    expect(textOf('a')).toBe('newer');
  });

  it('because etcd was restored is read as it is now, older versions and all', async () => {
    await start();
    const before = server.version();
    list.wrote(server.put('a', 'lost'));
    server.put('b', 'lost');
    await settled();
    server.rewind(before);
    asked();
    await passStreams(10);
    expect([list.isWarm(), textOf('a'), textOf('b')]).toEqual([true, 'first', 'first']);
    expect(asked().at(-1)).toBe(`watch ${before}`);
  });

  it('stays in use while the new list is under way', async () => {
    let isSlow = false;
    await start(async (query, signal) => {
      const opened = await server.open(query, signal);
      if (isSlow && query.get('watch') !== 'true')
        await new Promise<void>((resolve) => void timer.after(2000, resolve));
      return opened;
    });
    isSlow = true;
    const partial: number[] = [];
    for (let second = 1; second <= 600; second += 1) {
      await passLooking(1);
      if (second % 25 === 0) server.endStreams();
      await settled();
      if (!list.isWarm() || [...list.all()].length < 5) partial.push(second);
    }
    expect(partial).toEqual([]);
  });

  it('is used for five minutes and no longer when it refuses the new list', async () => {
    await start();
    server.refuse(500, 'list');
    await passStreams(9);
    expect(list.isWarm()).toBe(true);
    await passStreams(2);
    expect([list.isWarm(), server.streams()]).toEqual([false, 1]);
    server.refuse(null);
    await passStreams(1);
    expect(list.isWarm()).toBe(true);
  });

  it('does not hide a write that was answered while the new list was under way', async () => {
    let written = false;
    await start(async (query, signal) => {
      const opened = await server.open(query, signal);
      if (timer.now() > 0 && query.get('watch') !== 'true' && !written) {
        written = true;
        server.hold(true);
        list.wrote(server.put('a', 'ours'));
      }
      return opened;
    });
    await passStreams(9);
    expect([written, textOf('a')]).toEqual([true, 'ours']);
  });
});

describe('many lists that began at once', () => {
  it('are not read anew at once', async () => {
    const begun = 20;
    const times: number[] = [];
    const lists = Array.from({ length: begun }, (_, index) =>
      watchList<Item>(
        {
          open: (query, signal) => {
            if (query.get('watch') !== 'true') times.push(timer.now());
            return server.open(query, signal);
          },
          read: () => null,
          denied: () => undefined,
        },
        { now: timer.now, after: timer.after, random: () => index / begun },
      ),
    );
    await start();
    times.splice(0);
    for (let stream = 0; stream < 10; stream += 1) {
      for (const one of lists) one.touch();
      await passStreams(1);
    }
    const most = Math.max(...times.map((time) => times.filter((other) => other === time).length));
    expect(times.length / pages).toBeGreaterThanOrEqual(begun);
    expect(most / pages).toBeLessThanOrEqual(begun / 3);
    for (const one of lists) one.stop();
  });
});

describe('a server in trouble', () => {
  it('that forgets every version is listed ever more slowly, however long it takes to say so', async () => {
    await start(async (query, signal) => {
      const opened = await server.open(query, signal);
      if (query.get('watch') === 'true')
        await new Promise<void>((resolve) => void timer.after(1200, resolve));
      return opened;
    });
    server.refuse(410, 'watch');
    server.cutStreams();
    await settled();
    asked();
    await passLooking(60);
    expect(asked().filter(isList).length / pages).toBeLessThanOrEqual(6);
    await passLooking(240);
    expect(asked().filter(isList).length / pages).toBeLessThanOrEqual(10);
  });

  it('behind a balancer that cuts every five seconds is not listed again for that', async () => {
    await start();
    asked();
    for (let second = 5; second <= 600; second += 5) {
      await passLooking(5);
      server.cutStreams();
      await settled();
    }
    const all = asked();
    expect(all.filter(isList).length / pages).toBeLessThanOrEqual(600 / 120);
    expect(all.filter((what) => what.startsWith('watch')).length).toBeLessThan(60);
  });

  it('that breaks no more is asked at once when a stream ends', async () => {
    await start();
    for (let cut = 0; cut < 8; cut += 1) {
      await passLooking(5);
      server.cutStreams();
    }
    await passLooking(60);
    server.endStreams();
    await settled();
    expect(list.isWarm()).toBe(true);
    await passLooking(21);
    server.cutStreams();
    await passLooking(4);
    expect(list.isWarm()).toBe(true);
  });

  it('is asked ever more slowly, at most every 30 s', async () => {
    server.refuse(500);
    await start();
    const gaps: number[] = [];
    for (let second = 0, last = 0; second < 200; second += 1) {
      await passLooking(1);
      if (asked().length > 0 && second > 0) {
        gaps.push(second - last);
        last = second;
      }
    }
    expect(gaps.slice(-3)).toEqual([30, 30, 30]);
    expect(gaps.slice(0, 4)).toEqual([2, 4, 8, 16]);
  });

  it('that ends every stream at once is not asked in a circle', async () => {
    await start();
    asked();
    for (let tenth = 0; tenth < 100; tenth += 1) {
      server.endStreams();
      list.touch();
      await timer.pass(100);
    }
    expect(asked().filter((what) => what.startsWith('watch')).length).toBeLessThan(8);
  });

  it('that forbids the list is asked again every five minutes, and says so each time', async () => {
    server.refuse(403);
    await start();
    await passLooking(600);
    expect(asked()).toEqual(['list', 'list', 'list']);
    expect(denials).toHaveLength(3);
    expect(list.isWarm()).toBe(false);
  });

  it('that allows the list but not the watch is asked again every five minutes', async () => {
    server.refuse(403, 'watch');
    await start();
    await passLooking(290);
    expect(asked()).toEqual(['list', 'list', 'list', 'watch 6']);
    server.refuse(null);
    await passLooking(11);
    expect(list.isWarm()).toBe(true);
  });

  it('that does not answer a list is left after 10 s', async () => {
    const hung: AbortSignal[] = [];
    list = watchList<Item>(
      {
        open: (_query, signal) => {
          hung.push(signal);
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new Error('aborted')));
          });
        },
        read: () => null,
        denied: () => undefined,
      },
      { now: timer.now, after: timer.after, random: () => 0.5 },
    );
    await timer.pass(9999);
    expect(hung.map(({ aborted }) => aborted)).toEqual([false]);
    await timer.pass(1);
    expect(hung.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('what was written', () => {
  it('is known from its answer, before the watch tells', async () => {
    await start();
    server.hold(true);
    list.wrote(server.put('a', 'ours'));
    expect(textOf('a')).toBe('ours');
  });

  it('does not hide what somebody wrote after it', async () => {
    await start();
    const ours = server.put('a', 'ours');
    server.put('a', 'theirs');
    await settled();
    list.wrote(ours);
    expect(textOf('a')).toBe('theirs');
  });

  it('is still known when a list that was under way does not show it', async () => {
    let answer = () => {};
    const asking = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const open: WatchServer['open'] = async (query, signal) => {
      const opened = await server.open(query, signal);
      await asking;
      return opened;
    };
    await start(open);
    server.hold(true);
    list.wrote(server.put('a', 'ours'));
    answer();
    await settled();
    expect([list.isWarm(), textOf('a')]).toEqual([true, 'ours']);
  });

  it('does not bring back what was deleted after it', async () => {
    await start();
    const ours = server.put('a', 'ours');
    server.remove('a');
    await settled();
    list.wrote(ours);
    expect(textOf('a')).toBe('absent');
  });

  it('leaves the object unknown when versions are no numbers, until the watch tells of it', async () => {
    await start();
    const object = { metadata: { name: 'a', uid: 'uid-1', resourceVersion: 'x9' }, text: 'ours' };
    list.wrote(object);
    expect([textOf('a'), textOf('b')]).toEqual(['unknown', 'first']);
    server.say(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    await settled();
    expect(textOf('a')).toBe('ours');
  });
});
