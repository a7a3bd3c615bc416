import { request } from 'undici';
import { codeOf } from '../errors.ts';
import type { ApiAnswer } from './api-answer.ts';
import { bodyText } from './event-lines.ts';
import { type Connection, rejectedWhen, statusOf } from './kube-connection.ts';

/** An answer whose body is still to be read, or why there is none. */
export type Opened = { kind: 'open'; chunks: AsyncIterable<Uint8Array> } | Exclude<ApiAnswer, { kind: 'ok' }>;

/**
 * Asks for a path, query included, and answers when the headers are there. Reading the body throws when the connection
 * breaks or `signal` aborts; there is no other deadline. Never throws for what a server or a network may do.
 */
export async function openPath(connection: Connection, path: string, signal: AbortSignal): Promise<Opened> {
  try {
    // The race also ends what no signal reaches: a credential plugin that hangs.
    return await Promise.race([get(connection, path, signal), rejectedWhen(signal)]);
  } catch (error) {
    if (signal.aborted)
      return { kind: 'broken', how: 'timeout', why: 'the API server did not answer in time' };
    const why = `the connection to the API server failed: ${codeOf(error) ?? 'no code'}`;
    return { kind: 'broken', how: 'lost', why };
  }
}

async function get(
  { server, streams, identify }: Connection,
  path: string,
  signal: AbortSignal,
): Promise<Opened> {
  signal.throwIfAborted();
  const headers = { ...(await identify()), accept: 'application/json' };
  const {
    statusCode,
    headers: answered,
    body,
  } = await request(`${server}${path}`, {
    dispatcher: streams,
    headers,
    signal,
  });
  if (statusCode === 200) return { kind: 'open', chunks: body };
  const retryAfter = answered['retry-after'];
  return {
    kind: 'refused',
    refusal: {
      code: statusCode,
      status: statusOf(await refusalText(body)),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    },
  };
}

const refusalBytes = 65_536;

async function refusalText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  try {
    return await bodyText(chunks, refusalBytes);
  } catch {
    // The code is enough to go by.
    return '';
  }
}
