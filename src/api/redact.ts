import { AppError } from '../errors.ts';

/** Takes user and password out of every URL in a text, and what could forge a line of a log or move a cursor. */
export function redact(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1***@')
    .replaceAll(/\b(Bearer|Basic)\s+\S+/gi, '$1 ***')
    .replaceAll(/\b(password|passwd|secret|token)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, '$1$2***')
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** What the log says of an error. */
type LoggedError = { type: string; message: string; stack: string; code?: string; cause?: string };

/** An error as the log may have it: named fields only, because errors of clients carry their configuration. */
export function errorForLog(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error', stack: '' };
  const code = error instanceof AppError ? { code: error.code } : {};
  const cause = error.cause instanceof Error ? { cause: redact(error.cause.message) } : {};
  return { type: error.name, message: redact(error.message), stack: stackOf(error), ...code, ...cause };
}

/** Frames only: the first lines of a stack repeat the message. */
function stackOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return redact(
    frames
      .slice(0, 8)
      .map((line) => line.trim())
      .join(' < '),
  );
}
