/** What can surprise canaryd; expected outcomes are values, not errors. Only `api/problems.ts` knows HTTP status codes. */
export type ErrorCode =
  | 'databaseUnavailable'
  | 'databaseTimeout'
  | 'corruptRow'
  | 'configuration'
  | 'migration'
  | 'fenced';

/** One error for all surprises: a closed code, a message with the facts, and the cause. Messages never hold secrets. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }
}

/** What is known of a row whose document cannot be read. */
type UnreadableRow = {
  id: string;
  status: string;
  cluster: string;
  namespace: string;
  virtualService: string;
  trouble: { failures: number; why: string | null; quarantinedAt: number | null };
};

/** A rollout that this version cannot read, because a newer one wrote it or because it is damaged. */
export class UnreadableRollout extends AppError {
  readonly row: UnreadableRow;

  constructor(row: UnreadableRow, cause: AppError) {
    super('corruptRow', cause.message, { cause });
    this.name = 'UnreadableRollout';
    this.row = row;
  }
}

/**
 * The code that Node or a driver gave a failure, such as `ENOENT`; null when it has none. A message would name paths
 * and addresses, a code never does.
 */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
