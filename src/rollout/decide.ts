import { catchUp, epochAbove } from './catch-up.ts';
import { type Decision, decided, revised } from './decision.ts';
import { goBack } from './go-back.ts';
import { goOn } from './go-on.ts';
import { handOver } from './hand-over.ts';
import { hasEnded, type Rollout } from './rollout.ts';
import { isExposed, isNews, type Sight } from './sight.ts';
import { start } from './start.ts';
import { toldInFull } from './tell.ts';
import type { Millis } from './units.ts';
import { wait } from './wait.ts';

/**
 * The product: what becomes of a rollout, given what was seen at `now` (PostgreSQL's clock). Pure, so the same
 * rollout, sight and instant always give the same decision. The shell writes the decision down, makes it so in the
 * mesh, and hands the outcome to `settle`.
 */
export function decide(rollout: Rollout, sight: Sight, now: Millis): Decision {
  const epoch = epochAbove(rollout, sight);
  const decision = catchUp(rollout, sight, now) ?? inItsState(rollout, { ...sight, epoch }, now);
  const told = withWriteEpoch(toldInFull(revised(rollout, decision), now), epoch);
  return epoch === sight.epoch ? told : { ...told, raiseTo: epoch };
}

/** With the epoch of its write: an object that shows a later one of ours tells of what the database has forgotten. */
function withWriteEpoch(decision: Decision, epoch: number): Decision {
  if (decision.write === null) return decision;
  return { ...decision, rollout: { ...decision.rollout, writeEpoch: epoch } };
}

function inItsState(rollout: Rollout, sight: Sight, now: Millis): Decision {
  const { state } = rollout;
  switch (state.kind) {
    case 'preflight':
      return start(rollout, sight, now);
    case 'running':
    case 'holding':
      return goOn(rollout, state, sight, now);
    case 'paused':
    case 'awaitingApproval':
      return wait(rollout, state, sight, now);
    case 'handingOver':
      return handOver(rollout, state, sight, now);
    case 'rollingBack':
      return goBack(rollout, state, sight, now);
    case 'succeeded':
    case 'rolledBack':
    case 'rollbackFailed':
    case 'preflightFailed':
    case 'cancelled':
      return decided(rollout);
  }
}

/** True when this turn should measure: a poll is due and its answer could matter. Going back reads no metrics. */
export function wantsMeasurements(rollout: Rollout, now: Millis): boolean {
  if (hasEnded(rollout) || rollout.state.kind === 'rollingBack') return false;
  if (rollout.state.kind === 'preflight') return true;
  const isWatched = rollout.state.kind === 'handingOver' || isExposed(rollout);
  return isWatched && now >= rollout.nextPollAt && isNews(rollout, now);
}
