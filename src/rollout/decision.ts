import type { AuditEvent, AuditFacts, AuditType } from './audit.ts';
import { isSameRoutes, type ManagedRoute, managedName } from './managed-route.ts';
import { type Actor, canaryd } from './reasons.ts';
import { hasEnded, type Rollout } from './rollout.ts';
import { sentence, share, traffic } from './say.ts';
import { positionOf, type State } from './state.ts';
import { isSameShare, type Millis } from './units.ts';

/**
 * A weight to write now, with the managed routes that are to stand there; without those they stay as they are. `end`
 * writes the weights in the form that they keep after the rollout, and takes all managed routes away.
 */
export type PlannedWrite = { share: number; end: boolean; managed?: ManagedRoute[] };

/** What was decided: the next state, what to write down, what to write to the mesh, and when to look again. */
export type Decision = {
  rollout: Rollout;
  events: AuditEvent[];
  write: PlannedWrite | null;
  /** Null once the rollout has ended. */
  nextAt: Millis | null;
  /** The epoch to take with this decision, when the database is older than the mesh; otherwise absent. */
  raiseTo?: number;
};

/** Changes a rollout's state. */
export function inState<Next extends State>(rollout: Rollout, state: Next): Rollout & { state: Next } {
  return { ...rollout, state };
}

/** An audit event by canaryd itself, unless `actor` names a person. */
export function event(
  type: AuditType,
  message: string,
  facts: AuditFacts = {},
  actor: Actor = canaryd,
): AuditEvent {
  return { type, actor, message: sentence(message), facts };
}

/** The audit event of a weight that was read back; `from` is the share before, in percent. */
export function weightApplied(from: number, after: Rollout): AuditEvent {
  const to = after.traffic.applied;
  const message = `weight of ${after.target.canary.version} went from ${share(from)} to ${share(to)}, read back: ${traffic(after)}`;
  return event('weight.applied', message, { from, to });
}

/** The audit event of a share that a turn found and none had read back; `from` is the one known before. */
export function weightFound(from: number, after: Rollout): AuditEvent {
  const to = after.traffic.applied;
  const message = `${after.target.canary.version} was found at ${share(to)}, not at ${share(from)}: ${traffic(after)}`;
  return event('weight.found', message, { from, to });
}

/** The audit event of managed routes that were read back. */
export function routesApplied(after: Rollout): AuditEvent {
  const routes = after.traffic.managed.applied.map((name) => managedName({ name }));
  const standing =
    routes.length === 0 ? 'no managed route is left' : `managed routes now: ${routes.join(', ')}`;
  return event('route.applied', `${standing}, read back: ${traffic(after)}`, { routes });
}

/** The audit event of managed routes that a turn found and none had read back. */
export function routesFound(after: Rollout): AuditEvent {
  const routes = after.traffic.managed.applied.map((name) => managedName({ name }));
  const standing =
    routes.length === 0 ? 'no managed route was found' : `managed routes found: ${routes.join(', ')}`;
  return event('route.found', `${standing}; ${traffic(after)}`, { routes });
}

/** The same decision with audit events that come before its own. */
export function preceded(events: AuditEvent[], decision: Decision): Decision {
  return { ...decision, events: [...events, ...decision.events] };
}

/** Closes a decision: an intent is opened for every write, and a quiet turn gets its next poll. */
export function decided(after: Rollout, parts: Partial<Omit<Decision, 'rollout'>> = {}): Decision {
  const write = parts.write ?? null;
  const rollout = write === null ? after : { ...after, traffic: intending(after.traffic, write) };
  return {
    rollout,
    events: parts.events ?? [],
    write,
    nextAt: hasEnded(rollout) ? null : (parts.nextAt ?? rollout.nextPollAt),
  };
}

function intending(traffic: Rollout['traffic'], { share, end, managed }: PlannedWrite): Rollout['traffic'] {
  const { intent } = traffic;
  const attempts = intent !== null && isSameShare(intent.share, share) ? intent.attempts + 1 : 1;
  const desired = end ? [] : (managed ?? traffic.managed.desired);
  const changesRoutes = !isSameRoutes(desired, traffic.managed.desired) || (intent?.managed ?? false);
  return {
    ...traffic,
    desired: share,
    intent: { share, end, attempts, managed: changesRoutes },
    managed: { ...traffic.managed, desired },
  };
}

/** True when a decision leaves all as it is: it writes nothing, tells nobody, and only its measurements are new. */
export function isQuiet(before: Rollout, { rollout, events, write, raiseTo }: Decision): boolean {
  const hasChanged = rollout.revision !== before.revision || rollout.traffic !== before.traffic;
  return write === null && events.length === 0 && raiseTo === undefined && !hasChanged && !hasEnded(rollout);
}

/** The decision with its revision: it rises by one when state, step, desired weight or approvals changed, and never otherwise. */
export function revised(before: Rollout, decision: Decision): Decision {
  const revision = before.revision + (isRevised(before, decision.rollout) ? 1 : 0);
  return { ...decision, rollout: { ...decision.rollout, revision } };
}

function isRevised(before: Rollout, after: Rollout): boolean {
  const [from, to] = [positionOf(before.state), positionOf(after.state)];
  return (
    before.state.kind !== after.state.kind ||
    before.traffic.desired !== after.traffic.desired ||
    !isSameRoutes(before.traffic.managed.desired, after.traffic.managed.desired) ||
    before.approvals !== after.approvals ||
    from?.step !== to?.step ||
    from?.bakeEnded !== to?.bakeEnded
  );
}
