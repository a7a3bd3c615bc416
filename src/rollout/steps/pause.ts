import type { Here, StepOutcome } from './outcome.ts';

/** Waits for its time to pass, or for a person when it has none. */
export function pause(step: { duration?: number | undefined }, { position, now }: Here): StepOutcome {
  if (step.duration === undefined) return { kind: 'pause' };
  return now - position.startedAt >= step.duration * 1000 ? { kind: 'done' } : { kind: 'wait' };
}
