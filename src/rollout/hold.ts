import { isSameAlert } from './alerts.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import { overdue, paged } from './page.ts';
import type { MeshView } from './ports/mesh.ts';
import type { HoldReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import { closingWrite } from './sight.ts';
import type { In } from './state.ts';
import type { Millis } from './units.ts';

/** Stops by itself until the reason is gone; the step's clock stands still meanwhile. A reason is told of once. */
export function hold(
  rollout: Rollout,
  { state, reason, view }: { state: In<'running' | 'holding'>; reason: HoldReason; view: MeshView },
  now: Millis,
): Decision {
  const since = state.kind === 'holding' ? state.since : now;
  const isNew = state.kind === 'running' || isAnother(state.reason, reason);
  const events = isNew ? [event('rollout.holding', `holding: ${because.hold(reason)}`, { reason })] : [];
  const { rollout: told, events: pages } = paged(rollout, now);
  const outage = overdue(rollout, reason, now);
  const held = inState(told, { kind: 'holding', position: state.position, since, reason: outage.reason });
  const write = view.kind === 'split' ? closingWrite(rollout, view) : null;
  return decided(held, { events: [...events, ...pages, ...outage.pages], write });
}

function isAnother(before: HoldReason, now: HoldReason): boolean {
  if (before.kind === 'judged' && now.kind === 'judged') return before.ruling !== now.ruling;
  if (before.kind === 'alert' && now.kind === 'alert') return !isSameAlert(before, now);
  return before.kind !== now.kind;
}
