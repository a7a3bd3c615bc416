/** What kind of failure it was: a code where there is one, because messages differ each time. */
export function kindOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
