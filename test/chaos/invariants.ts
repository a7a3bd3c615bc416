import type { AuditLine, Evidence } from './evidence.ts';
import { plannedShares } from './people.ts';

export type Violation = { rollout: string; says: string };
type Judge = (evidence: Evidence) => string[];

/** What holds at every moment, whatever goes wrong just now. */
const always: Judge[] = [
  epochsNeverFall,
  noStepIsSkipped,
  goingBackIsOneWay,
  nothingIsRaisedAfterGoingBack,
  endsAreTrue,
  pausesHold,
  auditHasNoGap,
  oneEndAtMost,
  appliedRowsChain,
];

/** Answers what is broken already; may be asked at any time. */
export function judgeSoFar(all: Evidence[]): Violation[] {
  return judged(all, always);
}

/** Answers what is broken once all faults are over and everything had its time to end. */
export function judgeEnd(all: Evidence[]): Violation[] {
  return judged(all, [...always, cameToAnEnd, everyChangeIsTold]);
}

/** Rollouts whose turn is due for more than `seconds`, so that nobody will come any more. */
export function judgeLeftBehind(all: Evidence[], seconds: number): Violation[] {
  return judged(all, [
    ({ ended, late, status }) =>
      ended || late === null || late <= seconds
        ? []
        : [`nobody takes its turn: it is ${status} and was due ${Math.round(late)} s ago`],
  ]);
}

function judged(all: Evidence[], judges: Judge[]): Violation[] {
  return all.flatMap((evidence) =>
    judges.flatMap((judge) => judge(evidence).map((says) => ({ rollout: evidence.id, says }))),
  );
}

function epochsNeverFall({ writes }: Evidence): string[] {
  return writes.flatMap(({ epoch }, index) => {
    const before = writes[index - 1]?.epoch ?? 0;
    return epoch < before ? [`a stale turn wrote after a newer one: epoch ${epoch} after ${before}`] : [];
  });
}

/** A person's promotion is the only thing that skips steps. */
function noStepIsSkipped({ writes, rows }: Evidence): string[] {
  if (rows.some(({ type, actor_kind }) => type === 'rollout.promoting' && actor_kind === 'person')) return [];
  return writes.flatMap(({ share }, index) => {
    const before = plannedShares.indexOf(writes[index - 1]?.share ?? 0);
    const at = plannedShares.indexOf(share);
    const isInOrder = at === 0 || at === before || at === before + 1;
    return isInOrder ? [] : [`a step was skipped: ${share} % after ${plannedShares[before]} %`];
  });
}

const onTheWayBack = new Set([
  'rollout.rolling_back',
  'rollout.stuck',
  'rollout.rolled_back',
  'rollout.rollback_failed',
  'weight.applied',
  'weight.found',
  'weight.intended',
  'approval.void',
  'page',
]);

function goingBackIsOneWay({ rows }: Evidence): string[] {
  const back = firstOf(rows, 'rollout.rolling_back');
  if (back === null) return [];
  const later = rows.filter(({ seq }) => seq > back.seq);
  const forward = later.find(({ type, facts }) => !onTheWayBack.has(type) || isRaise(type, facts));
  return forward === undefined ? [] : [`it went forward after rolling_back was recorded: ${forward.type}`];
}

/** A patch that was on its way may land before the first write of the way back; never after it. */
function nothingIsRaisedAfterGoingBack({ rows, writes }: Evidence): string[] {
  const back = firstOf(rows, 'rollout.rolling_back');
  if (back === null) return [];
  const closing = writes.findIndex(({ at, share }) => at > back.at && share === 0);
  const raised = closing < 0 ? undefined : writes.slice(closing).find(({ share }) => share > 0);
  return raised === undefined ? [] : [`the canary got ${raised.share} % again after it went back`];
}

const claims: Record<string, number> = {
  'rollout.rolled_back': 0,
  'rollout.succeeded': 100,
  'rollout.preflight_failed': 0,
  'rollout.cancelled': 0,
};

/** Where traffic is when an end is recorded is where the end says, and there it stays. */
function endsAreTrue({ first, rows, writes }: Evidence): string[] {
  const end = rows.find(({ type }) => type in claims);
  if (end === undefined) return [];
  const claimed = claims[end.type];
  const share = writes.findLast(({ at }) => at <= end.at)?.share ?? first;
  const later = writes.find(({ at, byCanaryd }) => at > end.at && byCanaryd);
  return [
    ...(share === claimed ? [] : [`${end.type} was recorded while the canary had ${share} %`]),
    ...(later === undefined ? [] : [`a write of ${later.share} % landed after ${end.type} was recorded`]),
  ];
}

const byGoingOn = new Set(['step.started', 'step.completed', 'rollout.succeeded', 'rollout.promoting']);

/** What a person stopped goes on by a person's word only. */
function pausesHold({ rows }: Evidence): string[] {
  let paused = false;
  for (const { type, actor_kind } of rows) {
    const isWord = actor_kind === 'person';
    if (type === 'rollout.paused' && isWord) paused = true;
    else if (isWord || type === 'rollout.rolling_back') paused = false;
    else if (paused && byGoingOn.has(type)) return [`it went on although a person had paused it: ${type}`];
  }
  return [];
}

function auditHasNoGap({ rows }: Evidence): string[] {
  const gap = rows.findIndex(({ seq }, index) => seq !== index + 1);
  return gap < 0 ? [] : [`the audit log has a gap: row ${rows[gap]?.seq} at place ${gap + 1}`];
}

function oneEndAtMost({ rows }: Evidence): string[] {
  const ends = rows.filter(({ type }) => type in claims || type === 'rollout.rollback_failed');
  return ends.length > 1 ? [`the audit log tells of ${ends.length} ends`] : [];
}

function appliedRowsChain({ first, rows }: Evidence): string[] {
  const moves = appliedIn(rows);
  return moves.flatMap(({ from, to }, index) => {
    const before = moves[index - 1]?.to ?? first;
    return from === before && from !== to
      ? []
      : [`weight.applied tells of ${from} to ${to} % after ${before} %`];
  });
}

function cameToAnEnd({ status, rows, ended }: Evidence): string[] {
  const waits = status === 'paused' && rows.some(({ type }) => type === 'rollout.paused');
  return ended || waits ? [] : [`it came to no end: it is ${status}`];
}

/**
 * Each share that the mesh accepted in its name is told once, in this order, and nothing else is told. But for one that
 * landed late, between a look of the way back and its patch, and that this patch took back: only its intent is told.
 */
function everyChangeIsTold({ first, rows, writes, ended }: Evidence): string[] {
  if (!ended) return [];
  const told = appliedIn(rows).map(({ to }) => to);
  const intended = movesIn(rows, 'weight.intended').map(({ to }) => to);
  const left = [...told];
  let known = first;
  const untold = writes.find((write, index) => {
    if (write.share === known) return false;
    if (write.share !== left[0]) return !(intended.includes(write.share) && isTakenBackAtOnce(writes, index));
    left.shift();
    known = write.share;
    return false;
  });
  if (untold === undefined && left.length === 0) return [];
  const made = writes
    .map(({ share }) => share)
    .filter((share, index, all) => share !== (all[index - 1] ?? first));
  return [`the mesh went to ${made} %, the audit log tells of ${told} %`];
}

/** Milliseconds that a turn on the way back may take, from its look to its patch. */
const longestTurnMs = 14_000;

function isTakenBackAtOnce(writes: Evidence['writes'], index: number): boolean {
  const write = writes[index];
  const next = writes.slice(index + 1).find(({ byCanaryd }) => byCanaryd);
  if (write === undefined || next === undefined) return false;
  return next.share === 0 && next.epoch > write.epoch && next.at - write.at <= longestTurnMs;
}

function appliedIn(rows: AuditLine[]): { from: number; to: number }[] {
  return movesIn(rows, 'weight.applied', 'weight.found');
}

function movesIn(rows: AuditLine[], ...wanted: string[]): { from: number; to: number }[] {
  return rows.flatMap(({ type, facts }) => (wanted.includes(type) && isMove(facts) ? [facts] : []));
}

function isRaise(type: string, facts: unknown): boolean {
  return type === 'weight.applied' && isMove(facts) && facts.to > 0;
}

/** Whether the facts of an audit row tell of a weight that moved. */
export function isMove(facts: unknown): facts is { from: number; to: number } {
  return typeof facts === 'object' && facts !== null && 'from' in facts && 'to' in facts;
}

function firstOf(rows: AuditLine[], type: string): AuditLine | null {
  return rows.find((row) => row.type === type) ?? null;
}
