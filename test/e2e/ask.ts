import { z } from 'zod';
import type { Stack } from '../../local/stack.ts';

/** Where canaryd answers, and as whom it is asked. */
export type Access = Pick<Stack, 'api' | 'token'>;

const Answer = z.looseObject({});

/** Asks canaryd anything over HTTP, and answers refusals, too. A body makes it a POST. */
export async function ask(
  { api, token }: Access,
  path: string,
  init: { method?: string; body?: object } = {},
) {
  const { body, method = body === undefined ? 'GET' : 'POST' } = init;
  const headers = { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(15_000);
  const sent =
    body === undefined
      ? { headers }
      : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(api + path, { method, signal, ...sent });
  return { status: answer.status, body: Answer.parse(await answer.json()) };
}

/** The same stack, asked as one of its other callers. */
export function as(stack: Stack, name: string): Access {
  return { api: stack.api, token: stack.tokenOf(name) };
}
