import type { Millis } from '../rollout/units.ts';
import type { Answer, Failed } from './answer.ts';
import { type Asked, type GroupAnswer, type GroupQuery, narrow, openCircles, shortLived } from './circle.ts';
import { bytesOfOne, type PrometheusClient } from './client.ts';
import { providerClock } from './promql.ts';
import { queryFor } from './queries.ts';
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
      client.ask({ query: queryFor(selector, question), at }, signal),
    clock: (_at, signal) => client.ask({ query: providerClock, at: null }, signal),
  };
}

/**
 * Asks once for all targets of a namespace that have the same question at the same instant. A query that was sent for
 * several has `deadlineMs` of its own and outlives whoever asked first. Where it is refused, or its answer is too large
 * or not whole, each target is asked for by itself; where the provider cannot be reached or takes too long, all of them
 * have no answer, so that nothing is added to what it cannot carry.
 */
export function askingTogether(client: PrometheusClient, deadlineMs: number): Asking {
  const alone = askingAlone(client);
  const circles = openCircles();
  const clocks = new Map<Millis, Promise<Answer>>();
  const parts: Parts = { client, deadlineMs, clockAt: (at) => clocks.get(at) };
  const isShared = (at: Millis, signal: AbortSignal) => at % gridMs === 0 && !signal.aborted;
  return {
    ask: async (asked, signal) => {
      const query = isShared(asked.at, signal) ? circles.join(asked) : null;
      if (query === null) return alone.ask(asked, signal);
      query.answer ??= askGroup(parts, query, asked);
      const answer = await unlessAborted(query.answer, signal);
      // When time is up, the client sends nothing and only says so.
      if (answer === null || isBetterAlone(answer, query)) return alone.ask(asked, signal);
      return answer.kind === 'rows' ? { kind: 'rows', rows: answer.rowsFor(asked.selector) } : answer;
    },
    clock: async (at, signal) => {
      if (!isShared(at, signal)) return alone.clock(at, signal);
      const shared = shortLived(clocks, at, () => alone.clock(at, AbortSignal.timeout(deadlineMs)));
      return (await unlessAborted(shared, signal)) ?? alone.clock(at, signal);
    },
  };
}

type Parts = {
  client: PrometheusClient;
  deadlineMs: number;
  clockAt: (at: Millis) => Promise<Answer> | undefined;
};

async function askGroup(parts: Parts, query: GroupQuery, { question, at }: Asked): Promise<GroupAnswer> {
  const selector = together(query.group);
  const maxBytes = Math.min(mostBytes, bytesOfOne * servicesIn(selector));
  const asked = { query: queryFor(selector, question), at, maxBytes };
  const answer = await parts.client.ask(asked, AbortSignal.timeout(parts.deadlineMs));
  if (answer.kind === 'failed') {
    void isTooMuch(answer, parts.clockAt(at)).then((isSo) => isSo && narrow(query, at));
    return answer;
  }
  if (query.group.length === 1) return { kind: 'rows', rowsFor: () => answer.rows };
  const sorted = rowsByService(answer.rows);
  return { kind: 'rows', rowsFor: (one) => rowsOf(one, sorted) };
}

/** A provider that cannot even tell its time is not the slower for a large query, and has no use for many small ones. */
async function isTooMuch({ fault }: Failed, clock: Promise<Answer> | undefined): Promise<boolean> {
  return fault === 'query' || (fault === 'time' && (await clock)?.kind === 'rows');
}

function isBetterAlone(answer: GroupAnswer, { group }: GroupQuery): boolean {
  return answer.kind === 'failed' && answer.fault === 'query' && group.length > 1;
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
