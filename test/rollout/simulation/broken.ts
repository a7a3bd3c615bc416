import { canaryd } from '../../../src/rollout/reasons.ts';
import { emptyWatch, type Rollout } from '../../../src/rollout/rollout.ts';
import type { Protections } from './protections.ts';

/** Each promise of the simulation beside something that breaks it. */
export const broken: [what: string, promise: string, protections: Protections][] = [
  [
    'a turn that does not know the hold order',
    'no share is raised while a hold order stands',
    { killSwitch: false },
  ],
  [
    "a turn that does not see the canary's pods",
    'a canary that changed gets no traffic before a person resumed',
    { blindTo: 'canary' },
  ],
  [
    'a handover that calls every breach rolled back',
    'no handover is called rolled back while stable runs the new images',
    { tamper: claimingRollback, plan: 0.7 },
  ],
  ['an approval step that asks nobody', 'nobody goes past an approval without it', { tamper: askingNobody }],
  [
    'an approval by whoever asked',
    'an approval is the word of another person on what waits now',
    { mistake: (before) => ({ ...before, requestedBy: { kind: 'machine', name: 'nobody' } }), plan: 0.25 },
  ],
  [
    'a request that is left open',
    'one request waits while people are asked, and none otherwise',
    { tamper: leavingRequestsOpen, plan: 0.25 },
  ],
  [
    'a changed canary that goes on where it was',
    'a changed canary begins at the first step, by a person, with nothing proven',
    { mistake: forgettingTheChange },
  ],
  [
    'evidence that outlives a redeployment',
    'what was measured before a redeployment proves nothing',
    { tamper: keepingEvidence, plan: 0 },
  ],
  [
    'a handover that ends at once',
    'a handover has succeeded when stable has all traffic and has passed with it',
    { tamper: endingAtOnce, plan: 0.7 },
  ],
  [
    'a revision that rises with every turn',
    'the revision rises by one with a decision, and never otherwise',
    { tamper: (after) => ({ ...after, revision: after.revision + 1 }) },
  ],
  [
    'a deadline that is moved on by every turn',
    'nothing goes on after the deadline of the plan',
    { tamper: (after) => ({ ...after, deadlineAt: after.deadlineAt + 60_000 }), plan: 0.16 },
  ],
  [
    'a worker that goes by its own clock',
    'nothing goes on after the deadline of the plan',
    { ownClock: true, plan: 0.16 },
  ],
  [
    'guards that forget while people are waited for',
    'a failing canary loses its traffic, or somebody is paged',
    { tamper: forgettingWhileWaiting, plan: 0.25 },
  ],
];

function askingNobody(after: Rollout): Rollout {
  const { state } = after;
  if (state.kind !== 'awaitingApproval') return after;
  const position = { ...state.position, step: state.position.step + 1 };
  return { ...after, approvals: [], state: { kind: 'running', position } };
}

function leavingRequestsOpen(after: Rollout): Rollout {
  const approvals = after.approvals.map((request) =>
    request.status === 'void' ? { ...request, status: 'pending' as const } : request,
  );
  return { ...after, approvals };
}

function forgettingTheChange(before: Rollout): Rollout {
  const { state } = before;
  if (state.kind !== 'paused' || state.reason.kind !== 'canaryChanged') return before;
  return {
    ...before,
    state: { ...state, reason: { kind: 'shapeChanged', why: 'forgotten', movedBy: null, gitOps: null } },
  };
}

function claimingRollback(after: Rollout): Rollout {
  const { state } = after;
  if (state.kind !== 'handingOver' || state.breach === null) return after;
  const { since, breach: cause } = state;
  return { ...after, state: { kind: 'rolledBack', at: since, since, cause, by: canaryd } };
}

function keepingEvidence(after: Rollout): Rollout {
  const { state, traffic } = after;
  if (state.kind !== 'running') return after;
  const position = { ...state.position, startedAt: 0 };
  return { ...after, traffic: { ...traffic, appliedAt: 0 }, state: { ...state, position } };
}

function endingAtOnce(after: Rollout): Rollout {
  const { state } = after;
  if (state.kind !== 'handingOver' || state.phase !== 'judging') return after;
  return { ...after, state: { ...state, since: 0 }, traffic: { ...after.traffic, appliedAt: 0 } };
}

function forgettingWhileWaiting(after: Rollout): Rollout {
  const { kind } = after.state;
  return kind === 'paused' || kind === 'awaitingApproval' ? { ...after, watch: emptyWatch } : after;
}
