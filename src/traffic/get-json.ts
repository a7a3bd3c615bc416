import { codeOf } from '../errors.ts';
import { firstOf } from '../signals.ts';
import type { ApiAnswer } from './api-answer.ts';
import { bodyText } from './event-lines.ts';
import { type Client, open } from './kube-client.ts';

/** A page of large objects has some megabytes. */
const mostBytes = 32_000_000;

/**
 * Asks for a path of the API, query included, on connections that turns do not use. The deadline is the client's for
 * reading, or `signal`. Never throws for what a server or a network may do.
 */
export async function getJson(client: Client, path: string, signal: AbortSignal): Promise<ApiAnswer> {
  const deadline = firstOf([signal, AbortSignal.timeout(client.readTimeoutMs)]);
  const opened = await open(client, path, deadline);
  return opened.kind === 'open' ? bodyOf(opened.chunks, deadline) : opened;
}

async function bodyOf(chunks: AsyncIterable<Uint8Array>, deadline: AbortSignal): Promise<ApiAnswer> {
  try {
    return parsed(await bodyText(chunks, mostBytes));
  } catch (error) {
    if (deadline.aborted)
      return { kind: 'broken', how: 'timeout', why: 'the API server did not answer in time' };
    const code = codeOf(error);
    return code === null
      ? {
          kind: 'broken',
          how: 'unreadable',
          why: `the API server's answer is larger than ${mostBytes} bytes`,
        }
      : { kind: 'broken', how: 'lost', why: `the connection to the API server failed: ${code}` };
  }
}

function parsed(text: string): ApiAnswer {
  try {
    return { kind: 'ok', body: JSON.parse(text) };
  } catch {
    return {
      kind: 'broken',
      how: 'unreadable',
      why: 'the API server answered with something that is no JSON',
    };
  }
}
