import { advance, type TurnDeps } from './advance.ts';

/** Rollouts one sweep takes at most, so that one worker does not starve the others. */
const batch = 50;

export type Swept = { turns: number; failures: { id: string; error: unknown }[] };

/**
 * Runs the turn of every rollout that is due and whose alarm did not ring. One rollout's failure never stops
 * another's turn; it comes back as a value for the caller to log. Throws when the database cannot be asked at all.
 */
export async function sweep(deps: TurnDeps): Promise<Swept> {
  const ids = await deps.store.due(batch);
  const ends = await Promise.allSettled(ids.map((id) => advance(deps, id)));
  const failures = ends.flatMap((end, index) =>
    end.status === 'rejected' ? [{ id: ids[index] ?? '', error: end.reason }] : [],
  );
  return { turns: ids.length - failures.length, failures };
}
