import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Answer, Failed, Row } from '../../src/metrics/answer.ts';
import { askingTogether } from '../../src/metrics/asking.ts';
import type { Asked } from '../../src/metrics/circle.ts';
import type { PrometheusClient } from '../../src/metrics/client.ts';
import { selectService } from '../../src/metrics/promql.ts';
import type { Question } from '../../src/metrics/queries.ts';
import type { Target } from '../../src/rollout/target.ts';
import { hostTarget, targetOf } from './requests.ts';

const never = new AbortController().signal;
setMaxListeners(0, never);
/** A whole second; polls are 10 s apart. */
const start = 1_767_225_600_000;
const step = 10_000;
const requests: Question = { kind: 'requests', seconds: 60 };

type Sent = {
  names: string[];
  query: string;
  at: number | null;
  maxBytes: number | undefined;
  signal: AbortSignal;
};
type Reply = (sent: Sent) => Answer | Promise<Answer>;

/** A client that answers one row for each service it is asked about: its name's length. */
function fakeClient() {
  const sent: Sent[] = [];
  let reply: Reply = healthy;
  const client: PrometheusClient = {
    ask: async ({ query, at, maxBytes }, signal) => {
      if (signal.aborted) return failed('time', 'gave no answer in time');
      const [, named = ''] = /destination_service_name=~?"([^"]+)"/.exec(query) ?? [];
      const one = { names: named.replaceAll('[.]', '.').split('|'), query, at, maxBytes, signal };
      sent.push(one);
      return reply(one);
    },
  };
  return {
    client,
    sent,
    /** The services of each query so far, which are forgotten then. */
    take: () => sent.splice(0).map(({ names }) => names.join(' ')),
    answers: (with_: Reply) => {
      reply = with_;
    },
  };
}

function healthy({ names, query }: Sent): Answer {
  const isOfSeveral = query.includes('=~');
  const rowOf = (name: string): Row => ({
    labels: { destination_version: 'v1', ...(isOfSeveral ? { destination_service_name: name } : {}) },
    value: name.length,
  });
  return { kind: 'rows', rows: names.map(rowOf) };
}

function failed(fault: Failed['fault'], why: string = fault): Failed {
  return { kind: 'failed', why, fault };
}

/** Refuses queries for several services, and answers all others. */
const onlyAlone: (failure: Failed) => Reply = (failure) => (sent) =>
  sent.names.length > 1 ? failure : healthy(sent);

function askedOf(target: Target, at: number, question = requests): Asked {
  const selector = selectService(target);
  if (selector.kind === 'refused') throw new Error(selector.why);
  return { selector, question, at };
}

type Changes = { deadlineMs?: number; question?: Question };

/** A namespace whose services have asked twice, 10 s apart, so that their rhythm is known. */
async function inRhythm(names: string[], { deadlineMs = 3000, question = requests }: Changes = {}) {
  const fake = fakeClient();
  const asking = askingTogether(fake.client, deadlineMs);
  const ask = (name: string, poll: number, signal = never) =>
    asking.ask(askedOf(targetOf(name), start + poll * step, question), signal);
  for (const poll of [0, 1]) await Promise.all(names.map((name) => ask(name, poll)));
  fake.take();
  const found = async (name: string, poll: number, signal = never) => {
    const answer = await ask(name, poll, signal);
    return answer.kind === 'rows' ? answer.rows.map(({ value }) => value) : answer.why;
  };
  return { ...fake, asking, ask, found };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('services of one namespace', () => {
  it('are asked for by one query at one instant, and each gets its own rows', async () => {
    const { found, take } = await inRhythm(['pay', 'pay-2', 'pay.xyz']);
    expect(await Promise.all(['pay', 'pay-2', 'pay.xyz'].map((name) => found(name, 2)))).toEqual([
      [3],
      [5],
      [7],
    ]);
    expect(take()).toEqual(['pay pay-2 pay.xyz']);
  });

  it('are asked for alone at first, and together from the next poll on', async () => {
    const fake = fakeClient();
    const asking = askingTogether(fake.client, 3000);
    const ask = (name: string, at: number) => asking.ask(askedOf(targetOf(name), at), never);
    for (const name of ['a', 'b']) await ask(name, start);
    expect(fake.take()).toEqual(['a', 'b']);
    for (const name of ['a', 'b']) await ask(name, start + step);
    expect(fake.take()).toEqual(['a b']);
  });

  it('share the answer with one that asks later about the same instant', async () => {
    const { found, take } = await inRhythm(['a', 'bb']);
    await found('a', 2);
    await settle();
    expect(await found('bb', 2)).toEqual([2]);
    expect(take()).toEqual(['a bb']);
  });

  it('leave one that never asked before to ask by itself, and have it with them once its rhythm is known', async () => {
    const { found, take } = await inRhythm(['a', 'b']);
    await Promise.all(['a', 'b', 'new'].map((name) => found(name, 2)));
    expect(take()).toEqual(['a b', 'new']);
    await Promise.all(['a', 'b', 'new'].map((name) => found(name, 3)));
    expect(take().sort()).toEqual(['a b', 'new']);
    await Promise.all(['a', 'b', 'new'].map((name) => found(name, 4)));
    expect(take()).toEqual(['a b new']);
  });

  it('may be many: each query has fifty of them, and room for the answers of as many, up to 8 MB', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
    const { found, sent } = await inRhythm(names);
    await Promise.all(names.map((name) => found(name, 2)));
    expect(sent.map((one) => [one.names.length, one.maxBytes])).toEqual([
      [50, 8 * 1024 * 1024],
      [10, 8 * 1024 * 1024],
    ]);
    const { found: fewer, sent: sentForTwo } = await inRhythm(['a', 'b']);
    await fewer('a', 2);
    expect(sentForTwo[0]?.maxBytes).toBe(2 * 1024 * 1024);
  });

  it('may have longer answers where each pod has rows of its own: 4 MB each', async () => {
    const question: Question = { kind: 'requestCounters', seconds: 0 };
    const { found, sent } = await inRhythm(['a', 'b'], { question });
    await Promise.all([found('a', 2), found('b', 2)]);
    expect(sent.map(({ maxBytes }) => maxBytes)).toEqual([8 * 1024 * 1024]);
  });

  it('that are alone in it are asked for as a dry run shows it', async () => {
    const { found, sent } = await inRhythm(['a']);
    await found('a', 2);
    expect(sent[0]?.query).toContain('destination_service_name="a"');
    expect(sent[0]?.query).toMatch(
      /^sum by \(destination_version, response_code, grpc_response_status, response_flags\)/,
    );
  });
});

describe('what is never shared', () => {
  it.each<[string, (name: string) => Asked]>([
    [
      'another window',
      (name) => askedOf(targetOf(name), start + 2 * step, { kind: 'requests', seconds: 30 }),
    ],
    [
      'another kind of query',
      (name) => askedOf(targetOf(name), start + 2 * step, { ...requests, kind: 'p99' }),
    ],
    ['another instant', (name) => askedOf(targetOf(name), start + 2 * step + 5000)],
    ['an instant beside the grid', (name) => askedOf(targetOf(name), start + 2 * step + 1)],
    ['another namespace', (name) => askedOf(inNamespace(name, 'other'), start + 2 * step)],
    [
      'a host for each version',
      (name) => askedOf(hostTarget({ canary: { service: { name, namespace: 'bank' } } }), start + 2 * step),
    ],
  ])('%s', async (_what, askedBy) => {
    const { asking, found, sent } = await inRhythm(['a', 'b']);
    await Promise.all([found('a', 2), found('b', 2), asking.ask(askedBy('a'), never)]);
    expect(sent.map(({ query, at }) => [query.includes('"a|b"'), at])).toHaveLength(2);
    expect(sent[1]?.query).not.toContain('=~');
  });
});

function inNamespace(name: string, namespace: string): Target {
  const target = targetOf(name);
  const service = { name, namespace };
  return { ...target, stable: { ...target.stable, service }, canary: { ...target.canary, service } };
}

describe('one that gives up', () => {
  it('does not take the answer from the others', async () => {
    const { found, answers, sent } = await inRhythm(['a', 'bb']);
    let reply: (answer: Answer) => void = () => undefined;
    answers(() => new Promise((resolve) => (reply = resolve)));
    const impatient = new AbortController();
    const first = found('a', 2, impatient.signal);
    const second = found('bb', 2);
    impatient.abort();
    expect(await first).toBe('gave no answer in time');
    expect(sent[0]?.signal.aborted).toBe(false);
    const [query] = sent;
    if (query !== undefined) reply(healthy(query));
    expect(await second).toEqual([2]);
    expect(sent).toHaveLength(1);
  });

  it('before it asked sends nothing', async () => {
    const { found, sent } = await inRhythm(['a', 'b']);
    expect(await found('a', 2, AbortSignal.abort())).toBe('gave no answer in time');
    expect(sent).toEqual([]);
  });
});

describe('a query for several that is refused', () => {
  it('leaves each to ask by itself: its neighbours spoil nothing', async () => {
    const { found, answers, take } = await inRhythm(['a', 'bb', 'ccc']);
    answers(onlyAlone(failed('query')));
    expect(await Promise.all(['a', 'bb', 'ccc'].map((name) => found(name, 2)))).toEqual([[1], [2], [3]]);
    expect(take()).toEqual(['a bb ccc', 'a', 'bb', 'ccc']);
  });

  it('spoils only the one that is refused by itself as well', async () => {
    const { found, answers } = await inRhythm(['a', 'bb']);
    answers((sent) => (sent.names.includes('bb') ? failed('query', 'too many samples') : healthy(sent)));
    expect(await Promise.all(['a', 'bb'].map((name) => found(name, 2)))).toEqual([[1], 'too many samples']);
  });

  it('makes groups smaller for some minutes, and larger again after that', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const { found, answers, take } = await inRhythm(names);
    const poll = (number: number) => Promise.all(names.map((name) => found(name, number)));
    answers(onlyAlone(failed('query')));
    await poll(2);
    answers(healthy);
    take();
    await poll(3);
    expect(take()).toEqual(['a b', 'c d']);
    for (let number = 4; number < 33; number += 1) await poll(number);
    take();
    await poll(33);
    expect(take()).toEqual(['a b c d']);
  });
});

describe('a provider in trouble', () => {
  it.each(['provider', 'time'] as const)('is not asked again for each service: %s', async (fault) => {
    const { found, answers, take } = await inRhythm(['a', 'b', 'c']);
    answers(() => failed(fault, 'no answer'));
    expect(await Promise.all(['a', 'b', 'c'].map((name) => found(name, 2)))).toEqual([
      'no answer',
      'no answer',
      'no answer',
    ]);
    await settle();
    expect(await found('c', 2)).toBe('no answer');
    expect(take()).toEqual(['a b c']);
  });

  it('that cannot even tell its time is asked no more and no smaller queries at the next polls', async () => {
    const { asking, found, answers, take } = await inRhythm(['a', 'b', 'c', 'd']);
    answers(() => failed('time'));
    for (const poll of [2, 3, 4]) {
      const clock = asking.clock(start + poll * step, never);
      await Promise.all([clock, ...['a', 'b', 'c', 'd'].map((name) => found(name, poll))]);
      await settle();
    }
    expect(take().filter((names) => names !== '')).toEqual(['a b c d', 'a b c d', 'a b c d']);
  });

  it('that tells its time is asked for half of them, too, and for fewer only when that was faster twice', async () => {
    const { asking, found, answers, take } = await inRhythm(['a', 'b', 'c', 'd']);
    answers((sent) => (sent.names.length > 2 ? failed('time') : healthy(sent)));
    const queriesAt = async (poll: number) => {
      const clock = asking.clock(start + poll * step, never);
      await Promise.all([clock, ...['a', 'b', 'c', 'd'].map((name) => found(name, poll))]);
      await settle();
      return take().filter((names) => names !== '');
    };
    expect(await queriesAt(2)).toEqual(['a b c d']);
    expect(await queriesAt(3)).toEqual(['a b', 'a b c d']);
    expect(await queriesAt(4)).toEqual(['c d', 'a b c d']);
    expect(await queriesAt(5)).toEqual(['a b', 'c d']);
  });

  it('ends a shared query at a deadline of its own', async () => {
    const { found, answers, sent } = await inRhythm(['a', 'b'], { deadlineMs: 20 });
    answers(
      ({ signal }) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(failed('time', 'too late')))),
    );
    expect(await Promise.all([found('a', 2), found('b', 2)])).toEqual(['too late', 'too late']);
    expect(sent).toHaveLength(1);
  });
});

describe('a connection that failed', () => {
  it('is tried once more for who asks after that, and not again', async () => {
    const { found, answers, take } = await inRhythm(['a', 'bb', 'ccc', 'dddd']);
    answers(() => failed('connection', 'refused'));
    expect(await Promise.all([found('a', 2), found('bb', 2)])).toEqual(['refused', 'refused']);
    answers(healthy);
    expect(await found('ccc', 2)).toEqual([3]);
    expect(await found('dddd', 2)).toEqual([4]);
    expect(take()).toHaveLength(2);
    answers(() => failed('connection', 'refused'));
    for (const name of ['a', 'bb', 'ccc', 'dddd']) expect(await found(name, 3)).toBe('refused');
    expect(take()).toHaveLength(2);
  });

  it('is tried once more for the clock', async () => {
    const { client, answers, sent } = fakeClient();
    const asking = askingTogether(client, 3000);
    answers(() => failed('connection'));
    for (let asked = 0; asked < 3; asked += 1) {
      expect(await asking.clock(start, never)).toMatchObject({ fault: 'connection' });
    }
    expect(sent).toHaveLength(2);
  });
});

describe("the provider's clock", () => {
  it('is asked for once for all polls of an instant', async () => {
    const { client, sent } = fakeClient();
    const asking = askingTogether(client, 3000);
    const clocks = [0, 0, 1000, 500, 500].map((more) => asking.clock(start + more, never));
    await Promise.all(clocks);
    // Instants beside the grid have it each for themselves.
    expect(sent.map(({ query, at }) => [query, at])).toEqual(Array(4).fill(['time()', null]));
  });

  it('is given up by one without taking it from the others', async () => {
    const { client, answers, sent } = fakeClient();
    const asking = askingTogether(client, 3000);
    let reply: (answer: Answer) => void = () => undefined;
    answers(() => new Promise((resolve) => (reply = resolve)));
    const impatient = new AbortController();
    const [first, second] = [asking.clock(start, impatient.signal), asking.clock(start, never)];
    impatient.abort();
    expect(await first).toMatchObject({ kind: 'failed', fault: 'time' });
    reply({ kind: 'rows', rows: [{ labels: {}, value: 7 }] });
    expect(await second).toMatchObject({ rows: [{ value: 7 }] });
    expect(sent).toHaveLength(1);
  });
});
