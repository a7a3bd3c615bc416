import type { Command, Refusal } from './command.ts';
import type { StoredRollout } from './rollout.ts';

/** Why a command is refused that was given on a view of the rollout that is no longer true; null when it is. */
export function staleView({ revision, state }: StoredRollout, { expect }: Command): Refusal | null {
  const step = 'position' in state ? state.position.step : null;
  const isStale =
    (expect?.revision !== undefined && expect.revision !== revision) ||
    (expect?.stepIndex !== undefined && expect.stepIndex !== step);
  if (!isStale) return null;
  const at = step === null ? '' : ` at step index ${step}`;
  return {
    code: 'stale-view',
    message: `The rollout is at revision ${revision}${at} by now. Look again and repeat the action if it still holds.`,
  };
}
