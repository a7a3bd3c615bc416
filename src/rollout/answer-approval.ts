import { type Approval, closed, pendingIn } from './approval.ts';
import type { Decide, Refusal } from './command.ts';
import { event } from './decision.ts';
import { turnedBack } from './go-back.ts';
import { type Obedience, obeyed, ontoRunning, refused } from './obedience.ts';
import type { Actor } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';
import { ontoNextStep } from './walk.ts';

/** A person's word on what a rollout waits for: enough approvals let it go on, one rejection sends it back. */
export function answerApproval(rollout: Rollout, command: Decide, actor: Actor, now: Millis): Obedience {
  const request = pendingIn(rollout.approvals);
  if (request === null || request.id !== command.approval) return refused(passed(rollout, command, request));
  const refusal = tooLate(request, now) ?? unfitFor(command, rollout, request, actor);
  if (refusal !== null) return refused(refusal);
  return command.action === 'reject'
    ? reject(rollout, command, actor, now)
    : approve(rollout, { command, request }, actor, now);
}

/** Whoever has approved may still change his mind and reject. */
function unfitFor({ action }: Decide, rollout: Rollout, request: Approval, actor: Actor): Refusal | null {
  const refusal = unfitToDecide(rollout, request, actor);
  return action === 'reject' && refusal?.code === 'already-decided' ? null : refusal;
}

function passed({ approvals }: Rollout, { approval: id }: Decide, request: Approval | null): Refusal {
  const asked = approvals.find((approval) => approval.id === id);
  const was = asked === undefined ? `There is no request ${id}.` : `The request ${id} is ${asked.status}.`;
  const mend = request === null ? 'Nothing waits for an approval now.' : `What waits now is ${request.id}.`;
  return { code: 'stale-view', message: `${was} ${mend} Look again before you decide.` };
}

/** Its time is up although no turn has said so yet. */
function tooLate({ id, expiresAt }: Approval, now: Millis): Refusal | null {
  if (now < expiresAt) return null;
  const message = `The request ${id} expired at ${say.moment(expiresAt, now)}, and the rollout goes back. Create a new one.`;
  return { code: 'stale-view', message };
}

/** Why somebody may not decide, or null: who asked for a rollout never approves it, a machine nothing, and nobody counts twice. */
export function unfitToDecide(
  { requestedBy }: Rollout,
  { decisions }: Approval,
  actor: Actor,
): Refusal | null {
  if (actor.kind !== 'person') {
    return {
      code: 'approver-not-a-person',
      message: `${actor.name} is a machine. An approval is the word of a person.`,
    };
  }
  if (isSamePerson(actor.name, requestedBy.name)) {
    const message = `You asked for this rollout, so somebody else has to decide. You may still roll it back.`;
    return { code: 'self-approval', message };
  }
  if (!decisions.some(({ by }) => isSamePerson(by.name, actor.name))) return null;
  return { code: 'already-decided', message: 'You have approved this already. Somebody else has to, too.' };
}

/** Two tokens may spell one person differently; whoever has both is still one pair of eyes. */
function isSamePerson(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}

type Approving = { command: Decide; request: Approval };

function approve(rollout: Rollout, { command, request }: Approving, actor: Actor, now: Millis): Obedience {
  const decision = { by: actor, decision: 'approve' as const, comment: command.comment ?? null, at: now };
  const given = request.decisions.length + 1;
  const message = `${actor.name} approved ${request.id}, ${given} of ${request.count}${commentOf(command)}`;
  const approved = event('approval.approved', message, { approval: request.id }, actor);
  if (given < request.count) {
    const approvals = rollout.approvals.map((approval) =>
      approval.id === request.id ? { ...approval, decisions: [...approval.decisions, decision] } : approval,
    );
    return obeyed(rollout, { ...rollout, approvals }, [approved], now);
  }
  const running = ontoRunning(
    { ...rollout, approvals: closed(rollout.approvals, 'approved', decision) },
    now,
  );
  const next = ontoNextStep(running, now);
  return obeyed(rollout, next.rollout, [approved, ...next.events], now);
}

function reject(rollout: Rollout, command: Decide, actor: Actor, now: Millis): Obedience {
  const comment = command.comment ?? null;
  const decision = { by: actor, decision: 'reject' as const, comment, at: now };
  const message = `${actor.name} rejected ${command.approval}${commentOf(command)}`;
  const rejected = event('approval.rejected', message, { approval: command.approval }, actor);
  const answered = { ...rollout, approvals: closed(rollout.approvals, 'rejected', decision) };
  const turned = turnedBack(answered, { kind: 'approvalRejected', reason: comment }, actor, now);
  return obeyed(rollout, turned.rollout, [rejected, turned.event], now);
}

function commentOf({ comment }: Decide): string {
  return comment === undefined ? '' : `: ${comment}`;
}
