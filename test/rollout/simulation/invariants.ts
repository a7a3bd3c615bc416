import { hasEnded, type Rollout } from '../../../src/rollout/rollout.ts';
import type { State } from '../../../src/rollout/state.ts';
import type { Evidence, Violation } from './evidence.ts';
import { judgePeople } from './people-invariants.ts';
import { judgeTurns } from './turn-invariants.ts';

/** What must hold after any run; answers what does not. */
export function judgeRun(evidence: Evidence): Violation[] {
  return [
    ...cameToAnEnd(evidence),
    ...finalShareIsTheOneClaimed(evidence),
    ...endsStayTrue(evidence),
    ...goingBackIsOneWay(evidence),
    ...nothingMovesUnasked(evidence),
    ...epochsNeverFall(evidence),
    ...noStepIsSkipped(evidence),
    ...auditIsWhole(evidence),
    ...judgeTurns(evidence),
    ...judgePeople(evidence),
  ];
}

function cameToAnEnd({ last, share, rows, turnsBad }: Evidence): Violation[] {
  if (hasEnded(last)) return [];
  const { state } = last;
  const wasPaged = rows.some(({ type }) => type === 'page');
  if (turnsBad && hasNoWayBack(state) && wasPaged) return [];
  if (turnsBad && share === 0) return [];
  if (turnsBad) {
    const detail = `${state.kind} with ${share} % on a failing canary`;
    return [{ promise: 'a failing canary loses its traffic, or somebody is paged', detail }];
  }
  return [{ promise: 'every rollout comes to an end once faults end', detail: `still ${last.state.kind}` }];
}

/** True once canaryd knows that stable runs the new images too, so that only their owner can take them back. */
export function hasNoWayBack(state: State): boolean {
  if (state.kind === 'rollingBack') return state.stuck?.kind === 'stableCarries';
  return state.kind === 'handingOver' && state.breach !== null;
}

function finalShareIsTheOneClaimed({ last, share }: Evidence): Violation[] {
  const claimed = claimedShare(last);
  if (claimed === null || claimed === share) return [];
  return [
    {
      promise: 'traffic ends where the rollout says',
      detail: `${last.state.kind}, but the canary has ${share} %`,
    },
  ];
}

function endsStayTrue({ seen }: Evidence): Violation[] {
  const lie = seen.find(({ rollout, share }) => {
    const claimed = claimedShare(rollout);
    return claimed !== null && claimed !== share;
  });
  if (lie === undefined) return [];
  return [
    {
      promise: 'an end is true from the moment it is recorded',
      detail: `${lie.rollout.state.kind} at ${lie.share} %`,
    },
  ];
}

function claimedShare({ state, plan }: Rollout): number | null {
  if (state.kind === 'succeeded') return plan.onSuccess === 'handover' ? 0 : 100;
  return state.kind === 'rolledBack' ? 0 : null;
}

const back = new Set(['rollingBack', 'rolledBack', 'rollbackFailed']);

function goingBackIsOneWay({ seen }: Evidence): Violation[] {
  const first = seen.findIndex(({ rollout }) => back.has(rollout.state.kind));
  if (first < 0) return [];
  const reopened = seen.slice(first).find(({ rollout }) => !back.has(rollout.state.kind));
  if (reopened === undefined) return [];
  return [
    { promise: 'a rollback never turns forward again', detail: `became ${reopened.rollout.state.kind}` },
  ];
}

/** With no intent open, nobody may still have a patch on its way that the mesh would take. */
function nothingMovesUnasked({ seen }: Evidence): Violation[] {
  const moved = seen.findIndex((now, index) => {
    const before = seen[index - 1];
    const isQuiet = before?.rollout.traffic.intent === null && now.rollout.traffic.intent === null;
    return isQuiet && before.share !== now.share;
  });
  if (moved < 1) return [];
  const detail = `${seen[moved - 1]?.share} % became ${seen[moved]?.share} % while ${seen[moved]?.rollout.state.kind}`;
  return [{ promise: 'no weight moves without an intent on record', detail }];
}

function epochsNeverFall({ writes }: Evidence): Violation[] {
  const fall = writes.findIndex((write, index) => index > 0 && write.epoch < (writes[index - 1]?.epoch ?? 0));
  if (fall < 0) return [];
  return [
    {
      promise: 'a stale turn never writes after a newer one',
      detail: `epoch ${writes[fall]?.epoch} after ${writes[fall - 1]?.epoch}`,
    },
  ];
}

/** A share of 0 sends a rollout back to its first step: a changed canary begins anew, a rollback never goes on. */
function noStepIsSkipped({ writes, last, logbook }: Evidence): Violation[] {
  if (logbook.words.some(({ command }) => command.action === 'promote')) return [];
  const shares = last.plan.steps.flatMap((step) => (step.type === 'setWeight' ? [step.weight] : []));
  const planned = [0, ...shares, 100];
  let at = 0;
  for (const { share } of writes) {
    if (share === 0) at = 0;
    else if (share === planned[at + 1]) at += 1;
    else if (share !== planned[at])
      return [{ promise: 'no step is skipped', detail: `${share} % after ${planned[at]} %` }];
  }
  return [];
}

const ends = new Set([
  'rollout.succeeded',
  'rollout.rolled_back',
  'rollout.rollback_failed',
  'rollout.preflight_failed',
  'rollout.cancelled',
]);

function auditIsWhole({ rows, last }: Evidence): Violation[] {
  const gap = rows.findIndex((row, index) => row.seq !== index + 1);
  const endRows = rows.filter((row) => ends.has(row.type)).length;
  const gaps =
    gap < 0
      ? []
      : [{ promise: 'the audit log has no gap', detail: `seq ${rows[gap]?.seq} at place ${gap + 1}` }];
  if (endRows === (hasEnded(last) ? 1 : 0)) return gaps;
  return [...gaps, { promise: 'the audit log tells exactly one end', detail: `${endRows} ends` }];
}
