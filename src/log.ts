import { pino } from 'pino';
import type { Config } from './config.ts';
import { AppError } from './errors.ts';

/** Where every part reports: a message that never changes, and facts as fields. `error` means that a person must act. */
export type Log = {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
};

/** The options of the one log, as JSON lines on standard output. */
export function logOptions(level: Config['logLevel']) {
  return { level, base: { service: 'canaryd' }, timestamp: () => `,"time":"${new Date().toISOString()}"` };
}

/** Opens the log. */
export function openLog(level: Config['logLevel']): Log {
  return pino(logOptions(level));
}

/**
 * What may be said of an error: its code and its message when it is ours, and only its kind when it is not, because
 * foreign messages hold addresses, headers and passwords.
 */
export function failureFields(error: unknown): Record<string, string> {
  if (error instanceof AppError) return { code: error.code, failure: error.message };
  return { failure: error instanceof Error ? error.name : typeof error };
}
