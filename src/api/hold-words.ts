import type { LiveIn, RollBackAnswer } from '../rollout/hold-orders.ts';
import type { Scope } from '../rollout/ports/holds.ts';
import type { HoldOrder } from '../rollout/ports/store.ts';

/** What a hold order stops now and how to lift it; `live` is null when that could not be counted. */
export function heldWords(order: HoldOrder, live: LiveIn | null): string {
  return `${stopped(order, live)} Lift it with \`DELETE /v1/hold/${order.id}\`.`;
}

function stopped(scope: Scope, live: LiveIn | null): string {
  if (live === null) return 'The hold order stands.';
  if (live.count > 0) return `The hold order stops ${counted(live.count)} now.`;
  return `${noneIn(scope, live)} The hold order stops what begins in its scope from now on.`;
}

type RolledBack = Extract<RollBackAnswer, { kind: 'rolledBack' }>['rollouts'];

/** What becomes of the rollouts of a namespace. Takes at least one. */
export function goingBackWords(rollouts: RolledBack): string {
  const count = (wanted: RolledBack[number]['outcome']) =>
    rollouts.filter(({ outcome }) => outcome === wanted).length;
  const [back, cancelled, refused] = [count('rollingBack'), count('cancelled'), count('refused')];
  const sentences = [
    back > 0 ? `${counted(back, '')} ${areOrIs(back)} going back.` : null,
    cancelled > 0 ? `${counted(cancelled, '')} ${wereOrWas(cancelled)} cancelled before the start.` : null,
    refused > 0 ? `${counted(refused, '')} could not be turned back: see \`why\`.` : null,
  ];
  return sentences.filter((sentence) => sentence !== null).join(' ');
}

/** Says that nothing is live in a scope, and where something is. */
export function noneIn({ cluster, namespace }: Scope, { count, elsewhere }: LiveIn): string {
  const parts = [
    namespace === null ? '' : ` in namespace ${namespace}`,
    cluster === null ? '' : `${namespace === null ? ' in' : ' of'} cluster ${cluster}`,
  ];
  if (count > 0)
    return `What was live${parts.join('')} has ended, and other rollouts have begun: send it again.`;
  const where =
    elsewhere.length === 0 ? 'Nothing is live anywhere.' : `Live ones are in: ${elsewhere.join(', ')}.`;
  return `No live rollout${parts.join('')}. ${where}`;
}

function counted(count: number, live = 'live '): string {
  return `${count} ${live}${count === 1 ? 'rollout' : 'rollouts'}`;
}

function areOrIs(count: number): string {
  return count === 1 ? 'is' : 'are';
}

function wereOrWas(count: number): string {
  return count === 1 ? 'was' : 'were';
}
