import type { Millis, Subject } from '../snapshot.ts';

/** When the rollout goes back at the latest if it is not finished: its deadline. */
export function endOf({ startedAt, deadline }: Subject, at: Millis): Millis {
  return (startedAt ?? at) + deadline * 1000;
}
