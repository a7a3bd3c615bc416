import { codeOf } from '../errors.ts';

/** What kind of failure it was: a code where there is one, because messages differ each time. */
export function kindOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  return codeOf(cause) ?? replyCode(cause) ?? cause.name;
}

/**
 * The code of an error that Redis answered, such as `OOM` or `READONLY`, or null when it is no such error. By the
 * protocol (RESP, "simple errors") it is the first word of the answer, in capitals.
 */
export function replyCode(cause: unknown): string | null {
  if (!(cause instanceof Error) || cause.name !== 'ReplyError') return null;
  return /^[A-Z]+/.exec(cause.message)?.[0] ?? cause.name;
}
