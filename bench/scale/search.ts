/** What is known of a search: the most that held, and the fewest that did not. */
export type Bounds = { held: number | null; failed: number | null };

/** A search ends when the two bounds are this near, as a part of the lower one. */
const closeEnough = 0.1;

/**
 * How many rollouts to try next: twice as many until a run fails, half until one holds, then the middle. Null when
 * the answer is known well enough.
 */
export function nextProbe({ held, failed }: Bounds, first: number): number | null {
  if (held === null && failed === null) return first;
  if (failed === null) return (held ?? first) * 2;
  if (held === null) return failed > 1 ? Math.floor(failed / 2) : null;
  if (failed - held <= Math.max(1, held * closeEnough)) return null;
  return Math.floor((held + failed) / 2);
}

/** The bounds once `rollouts` were tried. */
export function narrowed({ held, failed }: Bounds, rollouts: number, isHeld: boolean): Bounds {
  return isHeld
    ? { held: Math.max(held ?? 0, rollouts), failed }
    : { held, failed: Math.min(failed ?? rollouts, rollouts) };
}
