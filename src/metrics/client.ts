import { z } from 'zod';
import { type Address, readAddress } from './address.ts';
import {
  type Answer,
  type Failed,
  type Listed,
  readAnswer,
  readListed,
  readSeries,
  type SeriesAnswer,
} from './answer.ts';
import { type InstantQuery, type Line, type Listing, openLine, type Received } from './driver.ts';

/** The largest answer about one service, in bytes. */
export const bytesOfOne = 1024 * 1024;
/** Lines that are kept open for the next question. */
const mostIdle = 64;

export type PrometheusClient = {
  /** Answers, never throws; ends when `signal` aborts. At most 1 MB is read when `maxBytes` is left out. */
  ask(question: Omit<InstantQuery, 'maxBytes'> & { maxBytes?: number }, signal: AbortSignal): Promise<Answer>;
};

export type PrometheusHistory = {
  /** Asks for series over time; answers, never throws, and ends when `signal` aborts. */
  askSeries(question: InstantQuery, signal: AbortSignal): Promise<SeriesAnswer>;
};

export type PrometheusLists = {
  /** Reads a list of what the provider knows; answers, never throws, and ends when `signal` aborts. */
  list(listing: Listing, signal: AbortSignal): Promise<Listed>;
};

/**
 * A client for Prometheus's query API that judges every answer by its raw text: prometheus-query itself turns
 * infinities into NaN, loses warnings and throws objects that hold the password. Throws `configuration` when the
 * address is no http or https URL.
 */
export function prometheusClient(address: Address): PrometheusClient & PrometheusHistory & PrometheusLists {
  const { endpoint, host, auth } = readAddress(address, 'Prometheus');
  const basic = auth !== undefined && 'username' in auth ? { auth } : {};
  const bearer =
    auth !== undefined && 'bearerToken' in auth ? { Authorization: `Bearer ${auth.bearerToken}` } : {};
  const headers = { ...address.headers, ...bearer };
  const idle: Line[] = [];
  const send: Line = async (question, signal) => {
    const line = idle.pop() ?? openLine({ endpoint, headers, ...basic });
    const received = await line(question, signal);
    if (idle.length < mostIdle) idle.push(line);
    return received;
  };
  const named = <Read extends { kind: string }>(read: Read | Failed): Read | Failed =>
    isFailed(read) ? { ...read, why: `Prometheus at ${host} ${read.why}` } : read;
  return {
    ask: async ({ query, at, maxBytes = bytesOfOne }, signal) => {
      const received = await send({ query, at, maxBytes }, signal);
      return named(answerFrom(received, { maxBytes, signal, read: readAnswer }));
    },
    askSeries: async (question, signal) => {
      const received = await send(question, signal);
      return named(answerFrom(received, { maxBytes: question.maxBytes, signal, read: readSeries }));
    },
    list: async (listing, signal) => {
      const received = await send(listing, signal);
      return named(answerFrom(received, { maxBytes: listing.maxBytes, signal, read: readListed }));
    },
  };
}

function isFailed(read: { kind: string }): read is Failed {
  return read.kind === 'failed';
}

type Reading<Read> = {
  maxBytes: number;
  signal: AbortSignal;
  read: (status: number, body: unknown) => Read;
};

/** What a question came to: as `read` judges what was answered, or why there is no answer that could be read. */
export function answerFrom<Read>(
  received: Received,
  { maxBytes, signal, read }: Reading<Read>,
): Read | Failed {
  switch (received.kind) {
    case 'answer':
      return read(received.status, received.body);
    case 'tooLarge': {
      const why = `answered with more than ${maxBytes / bytesOfOne} MB`;
      return { kind: 'failed', why, fault: 'query' };
    }
    case 'brokenOff':
      return noAnswer({ why: 'broke off its answer', fault: 'connection' }, signal);
    case 'thrown':
      return noAnswer(reasonOf(received.thrown), signal);
  }
}

const Thrown = z.looseObject({ code: z.string() });

type Reason = Pick<Failed, 'why' | 'fault'>;

const notFound = { why: 'cannot be found: its name does not resolve', fault: 'provider' } as const;
const notReached = { why: 'cannot be reached over the network', fault: 'provider' } as const;
const late = { why: 'gave no answer in time', fault: 'time' } as const;
const reasons: Record<string, Reason> = {
  ECONNREFUSED: { why: 'refused the connection', fault: 'connection' },
  ECONNRESET: { why: 'broke the connection off', fault: 'connection' },
  ECONNABORTED: late,
  ETIMEDOUT: late,
  ENOTFOUND: notFound,
  EAI_AGAIN: notFound,
  EHOSTUNREACH: notReached,
  ENETUNREACH: notReached,
};

// The thrown object holds the request with its password: only its code is taken.
function reasonOf(thrown: unknown): Reason {
  const code = Thrown.safeParse(thrown).data?.code ?? 'unknown reason';
  return reasons[code] ?? { why: `gave no answer (${code})`, fault: 'provider' };
}

function noAnswer(reason: Reason, signal: AbortSignal): Failed {
  return { kind: 'failed', ...(signal.aborted ? late : reason) };
}
