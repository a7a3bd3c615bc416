import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, readAnswer } from '../../src/metrics/answer.ts';
import { askingTogether } from '../../src/metrics/asking.ts';
import { selectService } from '../../src/metrics/promql.ts';
import { targetOf } from './requests.ts';

/** One question of a poll every 10 s, from when the rhythm of all is known. */
const pollSeconds = 10;
const minute = 60;
const startMs = 1_767_225_600_000;
const never = new AbortController().signal;
setMaxListeners(0, never);

/** `queries` is how many there are at the instant. */
type Sent = { services: number; second: number; queryNumber: number; queries: number; query: string };
type Reply = (sent: Sent) => Answer;

const rows: Answer = { kind: 'rows', rows: [] };
const slow: Answer = { kind: 'failed', why: 'gave no answer in time', fault: 'time' };
const tooLarge = readAnswer(422, { status: 'error', errorType: 'execution', error: 'too many samples' });
const withWarning = (warning: string) =>
  readAnswer(200, { status: 'success', data: { resultType: 'vector', result: [] }, warnings: [warning] });
const partial = withWarning('store-2 is down');
const down: Answer = { kind: 'failed', why: 'refused the connection', fault: 'connection' };

/** The number of queries at each poll, and how many services had an answer, while the provider replies as told. */
async function queriesOver(minutes: number, reply: Reply, services = 50) {
  let second = 0;
  let queries = 0;
  const client = {
    ask: async ({ query }: { query: string }) => {
      if (query === 'time()') return rows;
      const [, names = ''] = /destination_service_name=~?"([^"]+)"/.exec(query) ?? [];
      queries += 1;
      const queryNumber = queries;
      await new Promise((resolve) => setImmediate(resolve));
      return reply({ services: names.split('|').length, second, queryNumber, queries, query });
    },
  };
  const asking = askingTogether(client, 3000);
  const selectors = Array.from({ length: services }, (_, index) => selectService(targetOf(`s${index}`)));
  const polls: { second: number; queries: number; answered: number }[] = [];
  for (second = -2 * pollSeconds; second < minutes * minute; second += pollSeconds) {
    queries = 0;
    const at = startMs + second * 1000;
    const answers = selectors.map((selector) => {
      if (selector.kind === 'refused') throw new Error(selector.why);
      const asked = { selector, question: { kind: 'requests', seconds: 60 }, at } as const;
      return Promise.all([asking.clock(at, never), asking.ask(asked, never)]);
    });
    const answered = (await Promise.all(answers)).filter(([, { kind }]) => kind === 'rows').length;
    await new Promise((resolve) => setImmediate(resolve));
    if (second >= 0) polls.push({ second, queries, answered });
  }
  return polls;
}

const during = (from: number, to: number, answer: Answer): Reply => {
  return ({ second }) => (second >= from * minute && second < to * minute ? answer : rows);
};
const mostOf = (polls: { queries: number }[]) => Math.max(...polls.map(({ queries }) => queries));
const from = <Poll extends { second: number }>(polls: Poll[], minutes: number) =>
  polls.filter(({ second }) => second >= minutes * minute);
const sumOf = (polls: { queries: number }[]) => polls.reduce((sum, { queries }) => sum + queries, 0);

describe('a provider that is in trouble whatever it is asked', () => {
  it.each([
    ['slow', slow],
    ['partial', partial],
    ['down', down],
  ])('and %s for 10 minutes has a few more queries at most, and no more at once when it has recovered', async (_, trouble) => {
    const polls = await queriesOver(20, during(1, 11, trouble));
    expect(mostOf(polls)).toBeLessThanOrEqual(2);
    expect(sumOf(polls) - polls.length).toBeLessThanOrEqual(6);
    expect(mostOf(from(polls, 11))).toBe(1);
    expect(from(polls, 11).every(({ answered }) => answered === 50)).toBe(true);
  });

  it('never has more than twice the queries, however often it recovers and falls back', async () => {
    const spell = fc.record({
      polls: fc.integer({ min: 1, max: 40 }),
      answer: fc.constantFrom(rows, slow, partial, down),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(spell, { minLength: 1, maxLength: 10 }), async (spells) => {
        const answers = spells.flatMap(({ polls, answer }) => Array<Answer>(polls).fill(answer));
        const troubled = (answers.length * pollSeconds) / minute;
        const polls = await queriesOver(troubled + 10, ({ second }) => answers[second / pollSeconds] ?? rows);
        expect(mostOf(polls)).toBeLessThanOrEqual(2);
        expect(polls.at(-1)?.queries).toBe(1);
      }),
      { numRuns: 15 },
    );
  });

  it('and slow at random has no more than twice the queries in any 10 minutes', async () => {
    const isSlow = (seed: number) => ((Math.imul(seed + 1, 2_654_435_761) >>> 13) & 1) === 0;
    const polls = await queriesOver(120, ({ second, queryNumber }) =>
      isSlow(second * 7 + queryNumber * 31) ? slow : rows,
    );
    for (let first = 0; first + 60 <= polls.length; first += 1) {
      expect(sumOf(polls.slice(first, first + 60))).toBeLessThanOrEqual(2 * 60);
    }
  });

  it('and refuses every query is asked for each alone rarely, and by groups as large when it has recovered', async () => {
    const polls = await queriesOver(30, during(1, 21, tooLarge));
    expect(polls.filter(({ queries }) => queries > 1).length).toBeLessThanOrEqual(5);
    expect(mostOf(from(polls, 21))).toBe(1);
  });
});

describe('a provider that cannot answer for many at once', () => {
  it.each([
    ['too slow', slow],
    ['refusing', tooLarge],
  ])('and is %s is asked for fewer within 3 minutes, and for more at times', async (_, failure) => {
    const polls = await queriesOver(60, ({ services }) => (services > 15 ? failure : rows));
    const settled = from(polls, 3);
    expect(settled[0]).toMatchObject({ queries: 5, answered: 50 });
    expect(settled.filter(({ answered }) => answered < 50).length).toBeLessThanOrEqual(12);
    expect(sumOf(settled)).toBeLessThanOrEqual(1.15 * 5 * settled.length);
  });

  it.each([
    ['too slow', slow],
    ['refusing', tooLarge],
  ])('and was %s is asked for all at once again within 10 minutes', async (_, failure) => {
    const polls = await queriesOver(30, ({ services, second }) =>
      services > 1 && second < 10 * minute ? failure : rows,
    );
    expect(from(polls, 9)[0]).toMatchObject({ queries: 50, answered: 50 });
    expect(mostOf(from(polls, 20))).toBe(1);
  });

  it('and is asked for fewer is asked for all at once when it is slow at these as well', async () => {
    const polls = await queriesOver(25, ({ services, second }) =>
      services > 15 || (second >= 5 * minute && second < 15 * minute) ? slow : rows,
    );
    expect(from(polls, 4)[0]).toMatchObject({ queries: 5 });
    const troubled = from(polls, 5).filter(({ second }) => second >= 5.5 * minute && second < 15 * minute);
    expect(mostOf(troubled)).toBeLessThanOrEqual(2);
    expect(from(polls, 24).map(({ queries }) => queries)).toEqual(Array(6).fill(7));
  });

  it('and is slow for many small queries as for one is not asked for many for long', async () => {
    const polls = await queriesOver(60, ({ services, queries }) =>
      services > 15 || queries > 2 ? slow : rows,
    );
    expect(sumOf(polls)).toBeLessThanOrEqual(1.5 * polls.length);
  });

  it('has its own warnings about the series of one service told from missing data', async () => {
    const malformed = withWarning(
      'PromQL warning: bucket label "le" is missing or has a malformed value of "x"',
    );
    const polls = await queriesOver(1, ({ query }) => (/["|]s7["|]/.test(query) ? malformed : rows));
    expect(polls.every(({ answered }) => answered === 49)).toBe(true);
  });
});
