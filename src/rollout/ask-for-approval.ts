import type { Approval } from './approval.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import type { SplitView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { stepAt } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import type { In } from './state.ts';
import type { Millis } from './units.ts';

/** Stops at an approval step and asks people; who asked for the rollout is not among those who may answer. */
export function askForApproval(
  rollout: Rollout & { state: In<'running'> },
  view: SplitView,
  now: Millis,
): Decision {
  const { position } = rollout.state;
  const step = stepAt(rollout, position);
  if (step.type !== 'approval') throw new Error(`step ${position.step} asks nobody`);
  // Asking changes the state, and with it the revision.
  const revision = rollout.revision + 1;
  const request: Approval = {
    id: `ap-${position.step}-${revision}`,
    step: position.step,
    revision,
    count: step.count,
    requestedAt: now,
    expiresAt: now + step.expires * 1000,
    status: 'pending',
    decisions: [],
  };
  const asked = inState(
    { ...rollout, approvals: [...rollout.approvals, request] },
    { kind: 'awaitingApproval', position, since: now },
  );
  const people = step.count === 1 ? 'one person' : `${step.count} people`;
  const message = `approval ${request.id} asked of ${people} other than ${rollout.requestedBy.name}, until ${say.moment(request.expiresAt, now)}; ${say.traffic(rollout)}`;
  const facts = { approval: request.id, step: request.step, count: request.count };
  return decided(asked, {
    events: [event('approval.requested', message, facts)],
    write: closingWrite(rollout, view),
  });
}
