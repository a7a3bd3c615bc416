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

/** A list of the provider's API, with the parameters it is asked by. */
export type Listing = {
  list: 'labels' | 'targets' | 'rules' | 'alerts';
  parameters: [name: string, value: string][];
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
export type Line = (question: Question, signal: AbortSignal) => Promise<Received>;

type Question = InstantQuery | Listing;
type Call = { question: Question; signal: AbortSignal; received: Received | null };

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
        if (call !== null) config.params = parametersOf(call.question, config.params);
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
    const thrown = await send(driver, question).then(
      () => null,
      (error: unknown) => error,
    );
    call = null;
    return mine.received ?? { kind: 'thrown', thrown };
  };
}

function send(driver: PrometheusDriver, question: Question): Promise<unknown> {
  if (!('list' in question)) return driver.instantQuery(question.query, question.at ?? undefined);
  switch (question.list) {
    case 'labels':
      return driver.labelNames();
    case 'targets':
      return driver.targets();
    case 'rules':
      return driver.rules();
    case 'alerts':
      return driver.alerts();
  }
}

function parametersOf(question: Question, written: unknown): unknown {
  // Of lists the driver knows few parameters, and calls one by another name than Prometheus does.
  if ('list' in question) return new URLSearchParams(question.parameters);
  // The driver's own clock would answer `time()` with itself.
  if (question.at === null && written instanceof URLSearchParams) written.delete('time');
  return written;
}

/** Reads a body to its end, or as far as it may be long. */
export async function readBody(
  status: number,
  data: unknown,
  { maxBytes }: { maxBytes: number },
): Promise<Received> {
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
