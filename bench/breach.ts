/** A check's query at one instant: the value and the requests it rests on. */
export type Instant = { atMs: number; value: number; requests: number };

/** Above `max`, on at least `minRequests`, is a breach. */
export type Limit = { max: number; minRequests: number };

/**
 * The first instant from which every later one up to `untilMs`, itself included, is a breach; ms since the epoch. Null
 * when the last of them is none. `instants` rise and have no gaps: one without data has 0 requests.
 */
export function breachedSince(instants: Instant[], limit: Limit, untilMs: number): number | null {
  let since: number | null = null;
  for (const instant of instants) {
    if (instant.atMs > untilMs) break;
    since = isBreach(instant, limit) ? (since ?? instant.atMs) : null;
  }
  return since;
}

function isBreach({ value, requests }: Instant, { max, minRequests }: Limit): boolean {
  return requests >= minRequests && value > max;
}
