import { Readable } from 'node:stream';
import { PrometheusDriver } from 'prometheus-query';
import type { Millis } from '../rollout/units.ts';

/** A PromQL query and the instant it is evaluated at; null leaves the instant to the provider's own clock. */
export type InstantQuery = {
  query: string;
  at: Millis | null;
  /** The largest answer that is read, in bytes. */
  maxBytes: number;
};

/** What came of a question, whatever its status. A body is what its JSON says or, where it is none, its text. */
export type Received =
  | { kind: 'answer'; status: number; body: unknown }
  | { kind: 'tooLarge' }
  | { kind: 'brokenOff' }
  | { kind: 'thrown'; thrown: unknown };

/** Asks one question after the other, never two at once; ends when the signal aborts, and never throws. */
export type Line = (question: InstantQuery, signal: AbortSignal) => Promise<Received>;

type Call = { question: InstantQuery; signal: AbortSignal; received: Received | null };

/** What is left for the driver to read: it would make objects of its own of every row. */
const taken = { status: 'success', data: { resultType: 'vector', result: [] } } as const;

/**
 * A driver that is used again and again. It knows no limits of a single request, so its interceptors take them from the
 * only call that is under way.
 */
export function openLine(options: {
  endpoint: string;
  headers: object;
  auth?: { username: string; password: string };
}): Line {
  let call: Call | null = null;
  const driver = new PrometheusDriver({
    ...options,
    requestInterceptor: {
      onFulfilled: (config) => {
        // The driver's own clock would answer `time()` with itself.
        if (call?.question.at === null && config.params instanceof URLSearchParams)
          config.params.delete('time');
        const limits = { maxRedirects: 0, proxy: false, responseType: 'stream' } as const;
        return Object.assign(config, limits, { signal: call?.signal, validateStatus: () => true });
      },
    },
    responseInterceptor: {
      onFulfilled: async (response) => {
        if (call !== null) call.received = await readBody(response.status, response.data, call.question);
        return { ...response, data: taken };
      },
    },
  });
  return async (question, signal) => {
    const mine: Call = { question, signal, received: null };
    call = mine;
    const thrown = await driver.instantQuery(question.query, question.at ?? undefined).then(
      () => null,
      (error: unknown) => error,
    );
    call = null;
    return mine.received ?? { kind: 'thrown', thrown };
  };
}

async function readBody(status: number, data: unknown, { maxBytes }: InstantQuery): Promise<Received> {
  if (!(data instanceof Readable)) return { kind: 'brokenOff' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of data) {
      chunks.push(chunk);
      bytes += chunk.length;
      // Leaving the loop closes the connection.
      if (bytes > maxBytes) return { kind: 'tooLarge' };
    }
  } catch {
    return { kind: 'brokenOff' };
  }
  return { kind: 'answer', status, body: parsed(Buffer.concat(chunks).toString()) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
