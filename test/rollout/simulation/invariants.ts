import { hasEnded, type Rollout } from '../../../src/rollout/rollout.ts';
import type { State } from '../../../src/rollout/state.ts';
import type { Evidence, Violation } from './evidence.ts';
import type { Landed, Logbook, Move } from './logbook.ts';
import { judgePeople } from './people-invariants.ts';
import { judgeTurns } from './turn-invariants.ts';

/** What must hold after any run; answers what does not. */
export function judgeRun(evidence: Evidence): Violation[] {
  return [
    ...cameToAnEnd(evidence),
    ...finalShareIsTheOneClaimed(evidence),
    ...noManagedRouteIsLeft(evidence),
    ...endsStayTrue(evidence),
    ...failuresAreForGood(evidence),
    ...goingBackIsOneWay(evidence),
    ...nothingMovesUnasked(evidence),
    ...epochsNeverFall(evidence),
    ...noStepIsSkipped(evidence),
    ...takenBackStaysBack(evidence),
    ...auditIsWhole(evidence),
    ...judgeTurns(evidence),
    ...judgePeople(evidence),
  ];
}

function cameToAnEnd({ last, share, managedRoutes, rows, turnsBad }: Evidence): Violation[] {
  if (hasEnded(last)) return [];
  const { state } = last;
  const wasPaged = rows.some(({ type }) => type === 'page');
  if (turnsBad && hasNoWayBack(state) && wasPaged) return [];
  const isExposed = share > 0 || managedRoutes.includes('header');
  if (turnsBad && !isExposed) return [];
  if (turnsBad) {
    const detail = `${state.kind} with ${share} % and the routes [${managedRoutes.join()}] on a failing canary`;
    return [{ promise: 'a failing canary loses its traffic, or somebody is paged', detail }];
  }
  return [{ promise: 'every rollout comes to an end once faults end', detail: `still ${last.state.kind}` }];
}

const onlyTheirOwner = new Set<string | undefined>(['stableCarries', 'stableMissing']);

/**
 * True once canaryd knows that stable runs the new images too, or has no destination, so that only their owner can mend
 * it.
 */
export function hasNoWayBack(state: State): boolean {
  if (state.kind === 'rollingBack') return onlyTheirOwner.has(state.stuck?.kind);
  return state.kind === 'handingOver' && state.breach !== null;
}

function finalShareIsTheOneClaimed({ last, share, seen }: Evidence): Violation[] {
  const claimed = claimedShare(last);
  // What somebody else did after canaryd's last look is nothing that it could tell.
  if (claimed === null || claimed === share || seen.at(-1)?.isMovedSince === true) return [];
  return [
    {
      promise: 'traffic ends where the rollout says',
      detail: `${last.state.kind}, but the canary has ${share} %`,
    },
  ];
}

/** What somebody else put there after canaryd's last look is nothing that it could take away. */
function noManagedRouteIsLeft({ last, managedRoutes, seen }: Evidence): Violation[] {
  if (claimedShare(last) === null || managedRoutes.length === 0 || seen.at(-1)?.isMovedSince === true)
    return [];
  const detail = `${last.state.kind}, but ${managedRoutes.join(', ')} still stands`;
  return [{ promise: 'no managed route outlives its rollout', detail }];
}

function endsStayTrue({ seen }: Evidence): Violation[] {
  const lie = seen.find(({ rollout, share, isMovedSince }) => {
    const claimed = claimedShare(rollout);
    return claimed !== null && claimed !== share && !isMovedSince;
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

/** Only an object that is gone leaves nothing to bring back. */
function failuresAreForGood({ logbook }: Evidence): Violation[] {
  const early = logbook.changes.find(
    ({ before, after, turn }) =>
      !hasEnded(before) && after.state.kind === 'rollbackFailed' && turn?.looks.at(-1)?.isMissing !== true,
  );
  if (early === undefined) return [];
  const detail = `from ${early.before.state.kind} with ${early.share} %`;
  return [{ promise: 'a rollback is given up only when the object is gone', detail }];
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
function nothingMovesUnasked({ seen, logbook }: Evidence): Violation[] {
  const moved = seen.findIndex((now, index) => {
    const before = seen[index - 1];
    const isQuiet = before?.rollout.traffic.intent === null && now.rollout.traffic.intent === null;
    if (!isQuiet || before.share === now.share || before.moves !== now.moves) return false;
    return !(now.share === 0 && isFromCutOff(logbook));
  });
  if (moved < 1) return [];
  const detail = `${seen[moved - 1]?.share} % became ${seen[moved]?.share} % while ${seen[moved]?.rollout.state.kind}`;
  return [{ promise: 'no weight moves without an intent on record', detail }];
}

/** Going back does not wait for a database: it leaves word in the object instead of an intent in the store. */
function isFromCutOff({ turns, writes }: Logbook): boolean {
  return writes.some(({ share, epoch }) => share === 0 && turns.get(epoch)?.isCutOff === true);
}

function epochsNeverFall({ logbook: { writes } }: Evidence): Violation[] {
  const fall = writes.findIndex((write, index) => index > 0 && write.epoch < (writes[index - 1]?.epoch ?? 0));
  if (fall < 0) return [];
  return [
    {
      promise: 'a stale turn never writes after a newer one',
      detail: `epoch ${writes[fall]?.epoch} after ${writes[fall - 1]?.epoch}`,
    },
  ];
}

/**
 * A share of 0 sends a rollout back to its first step, whoever made it: a changed canary begins anew, a rollback never
 * goes on. What no step asks for leaves the share as it was found, or takes over another hand's.
 */
function noStepIsSkipped({ last, logbook }: Evidence): Violation[] {
  if (logbook.words.some(({ command }) => command.action === 'promote')) return [];
  const shares = last.plan.steps.flatMap((step) => (step.type === 'setWeight' ? [step.weight] : []));
  const planned = [0, ...shares, 100];
  let at = 0;
  for (const landed of logbook.writes) {
    const next = stepAfter(landed, planned, at);
    if (next === null && !isTakenOver(landed, logbook.moves))
      return [{ promise: 'no step is skipped', detail: `${landed.share} % after ${planned[at]} %` }];
    at = next ?? at;
  }
  return [];
}

/** Where in the plan a write leads from one of its shares; null for a share that is neither this one's nor the next. */
function stepAfter({ share, from }: Landed, planned: number[], at: number): number | null {
  // A write that only makes others stale leaves another hand's share as it was found: that is no step.
  if (share === from) return at;
  if (share === 0) return 0;
  if (share === planned[at]) return at;
  if (share === planned[at + 1]) return at + 1;
  return from === 0 && share === planned[1] ? 1 : null;
}

function isTakenOver({ share, from }: Landed, moves: Move[]): boolean {
  return share === from || moves.some(({ to }) => to === share);
}

/** A new object has lost the word of who was taken back in the old one. */
function takenBackStaysBack({ logbook: { glass, writes } }: Evidence): Violation[] {
  const promise = "what was taken back without the database gets no more of canaryd's traffic";
  return glass.flatMap(({ uid, writes: before }) => {
    const raise = writes.slice(before).find((write) => write.uid === uid && write.share > write.from);
    return raise === undefined ? [] : [{ promise, detail: `${raise.share} % with epoch ${raise.epoch}` }];
  });
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
