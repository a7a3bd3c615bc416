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
  server = fakeWatchServer();
  timer = fakeTimer();
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
    expect(asked()).toHaveLength(20);
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
  it('at once when its stream breaks, and is listed again within two seconds', async () => {
    await start();
    await passLooking(5);
    asked();
    server.cutStreams();
    await settled();
    expect(list.isWarm()).toBe(false);
    server.put('a', 'missed');
    await passLooking(2);
    expect(asked()).toEqual(['list', 'list', 'list', 'watch 7']);
    expect([list.isWarm(), textOf('a')]).toEqual([true, 'missed']);
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

describe('a server in trouble', () => {
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
    expect(asked().filter((what) => what.startsWith('watch')).length).toBeLessThan(6);
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
