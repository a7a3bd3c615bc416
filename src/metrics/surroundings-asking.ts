import { firstOf } from '../signals.ts';
import type { Answer, Listed } from './answer.ts';
import { bytesOfOne, type PrometheusClient, type PrometheusLists } from './client.ts';
import type { Listing } from './driver.ts';

const deadlineMs = 3000;
/** For all questions: a provider that hangs would hold each group of them up for as long as it may. */
const wholeMs = 10_000;
/** Questions that are under way at a time. */
const mostAtOnce = 8;
/** Targets and rules are those of a whole cluster. */
const mostBytes = 16 * bytesOfOne;

/** Asks for rows at the provider's own present, and for lists; never throws. */
export type Asking = {
  rows(query: string): Promise<Answer>;
  list(list: Listing['list'], parameters?: Listing['parameters']): Promise<Listed>;
};

/**
 * Each question has 3 s to be answered, and eight are under way at a time; all end after 10 s, or with the signal. What
 * several facts are read from is asked once.
 */
export function openAsking(client: PrometheusClient & PrometheusLists, signal: AbortSignal): Asking {
  const inTurn = atMost(mostAtOnce);
  const whole = firstOf([signal, AbortSignal.timeout(wholeMs)]);
  const bounded = () => firstOf([whole, AbortSignal.timeout(deadlineMs)]);
  const rows = once((query: string) =>
    inTurn(() => client.ask({ query, at: null, maxBytes: 4 * bytesOfOne }, bounded())),
  );
  const lists = once(({ list, parameters }: Pick<Listing, 'list' | 'parameters'>) =>
    inTurn(() => client.list({ list, parameters, maxBytes: mostBytes }, bounded())),
  );
  return { rows, list: (list, parameters = []) => lists({ list, parameters }) };
}

function once<Asked, Answered>(
  ask: (asked: Asked) => Promise<Answered>,
): (asked: Asked) => Promise<Answered> {
  const answers = new Map<string, Promise<Answered>>();
  return (asked) => {
    const key = JSON.stringify(asked);
    const answer = answers.get(key) ?? ask(asked);
    answers.set(key, answer);
    return answer;
  };
}

function atMost(most: number): <Value>(work: () => Promise<Value>) => Promise<Value> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    // Whoever ends hands its turn to who waits longest.
    if (running >= most) await new Promise<void>((resume) => waiting.push(resume));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
