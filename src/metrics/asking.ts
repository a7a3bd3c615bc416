import type { Millis } from '../rollout/units.ts';
import type { Answer } from './answer.ts';
import {
  type Asked,
  type GroupAnswer,
  type GroupQuery,
  type Kept,
  notAsked,
  openCircles,
  shortLived,
} from './circle.ts';
import { bytesOfOne, type PrometheusClient } from './client.ts';
import { providerClock } from './promql.ts';
import { type Question, queryFor } from './queries.ts';
import type { Group } from './roster.ts';
import { hasAnswered, mayAskAlone, wasRefused, wasSlow } from './size.ts';
import { rowsByService, rowsOf, servicesIn, together } from './together.ts';

/** Answers questions; never throws, and ends when the asker's own signal aborts. */
export type Asking = {
  ask(asked: Asked, signal: AbortSignal): Promise<Answer>;
  /** The provider's clock, for a poll at this instant. */
  clock(at: Millis, signal: AbortSignal): Promise<Answer>;
};

/** Instants on this grid are those that several polls have in common. */
const gridMs = 1000;
const mostBytes = 8 * bytesOfOne;

/** Asks for each target by itself. */
export function askingAlone(client: PrometheusClient): Asking {
  return {
    ask: ({ selector, question, at }, signal) =>
      client.ask({ query: queryFor(selector, question), at, maxBytes: bytesFor(question) }, signal),
    clock: (_at, signal) => client.ask({ query: providerClock, at: null }, signal),
  };
}

/**
 * Asks once for all targets of a namespace that have the same question at the same instant. A query that was sent for
 * several has `deadlineMs` of its own and outlives whoever asked first. Where it is refused, or its answer is too large,
 * each target is asked for by itself; where the provider cannot be reached, takes too long or has not all the data, all
 * of them have no answer, so that nothing is added to what it cannot carry. A connection that failed is tried once more
 * for who asks after that.
 */
export function askingTogether(client: PrometheusClient, deadlineMs: number): Asking {
  const alone = askingAlone(client);
  const circles = openCircles();
  const clocks = new Map<Millis, Kept<Answer>>();
  const parts: Parts = { client, deadlineMs, clockAt: (at) => clocks.get(at)?.answer };
  const isShared = (at: Millis, signal: AbortSignal) => at % gridMs === 0 && !signal.aborted;
  return {
    ask: async (asked, signal) => {
      const query = isShared(asked.at, signal) ? circles.join(asked) : null;
      if (query === null) return alone.ask(asked, signal);
      return askWithOthers(parts, query, { asked, signal, askAlone: () => alone.ask(asked, signal) });
    },
    clock: async (at, signal) => {
      if (!isShared(at, signal)) return alone.clock(at, signal);
      const clock = shortLived<Kept<Answer>>(clocks, at, notAsked);
      const shared = keptOf(clock, () => alone.clock(at, AbortSignal.timeout(deadlineMs)));
      return (await unlessAborted(shared, signal)) ?? alone.clock(at, signal);
    },
  };
}

/** What the first asks for and the others are given; who comes after a failed connection may ask once more. */
function keptOf<Shared extends Answer | GroupAnswer>(
  kept: Kept<Shared>,
  ask: () => Promise<Shared>,
): Promise<Shared> {
  kept.answer ??= ask().then((answer) => {
    if (kept.mayTryAgain && answer.kind === 'failed' && answer.fault === 'connection') {
      kept.answer = null;
      kept.mayTryAgain = false;
    }
    return answer;
  });
  return kept.answer;
}

type Parts = {
  client: PrometheusClient;
  deadlineMs: number;
  clockAt: (at: Millis) => Promise<Answer> | null | undefined;
};

type Asker = { asked: Asked; signal: AbortSignal; askAlone: () => Promise<Answer> };

async function askWithOthers(parts: Parts, query: GroupQuery, asker: Asker): Promise<Answer> {
  const { asked, signal, askAlone } = asker;
  const shared = keptOf(query, () => askGroup(parts, query, asked));
  const answer = await unlessAborted(shared, signal);
  // When time is up, the client sends nothing and only says so.
  if (answer === null) return askAlone();
  if (answer.kind === 'rows') return { kind: 'rows', rows: answer.rowsFor(asked.selector) };
  const isForSeveral = query.group.length > 1;
  if (answer.fault !== 'query' || !isForSeveral || !mayAskAlone(query.size, asked.at)) return answer;
  const own = await askAlone();
  if (own.kind === 'rows') wasRefused(query.size, query.group, asked.at);
  return own;
}

async function askGroup(parts: Parts, query: GroupQuery, asked: Asked): Promise<GroupAnswer> {
  const { group, part } = query;
  const partAnswer = part === null ? null : send(parts, part, asked);
  const answer = await send(parts, group, asked);
  void learn(query, asked.at, { answer, partAnswer, clock: parts.clockAt(asked.at) });
  if (answer.kind === 'failed') return answer;
  if (group.length === 1) return { kind: 'rows', rowsFor: () => answer.rows };
  const sorted = rowsByService(answer.rows);
  return { kind: 'rows', rowsFor: (one) => rowsOf(one, sorted) };
}

function send({ client, deadlineMs }: Parts, group: Group, { question, at }: Asked): Promise<Answer> {
  const selector = together(group);
  const maxBytes = Math.min(mostBytes, bytesFor(question) * servicesIn(selector));
  return client.ask({ query: queryFor(selector, question), at, maxBytes }, AbortSignal.timeout(deadlineMs));
}

/** Rows of single pods are many. */
function bytesFor({ kind }: Question): number {
  return kind === 'requestCounters' || kind === 'bucketCounters' ? 4 * bytesOfOne : bytesOfOne;
}

type Outcome = {
  answer: Answer;
  partAnswer: Promise<Answer> | null;
  clock: Promise<Answer> | null | undefined;
};

async function learn({ size, group }: GroupQuery, at: Millis, outcome: Outcome): Promise<void> {
  const { answer } = outcome;
  if (answer.kind === 'rows') return hasAnswered(size, group, at);
  if (answer.fault !== 'time') return;
  // A provider that cannot even tell its time is not the slower for a large query.
  if ((await outcome.clock)?.kind !== 'rows') return;
  const part = await outcome.partAnswer;
  wasSlow(size, group, at, part === null ? null : part.kind === 'rows');
}

/** What a promise that never fails comes to, or null when the signal aborts first. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => {
    const giveUp = () => resolve(null);
    signal.addEventListener('abort', giveUp, { once: true });
    void promise.then((value) => {
      signal.removeEventListener('abort', giveUp);
      resolve(value);
    });
  });
}
