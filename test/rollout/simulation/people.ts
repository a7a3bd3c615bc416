import { pendingIn } from '../../../src/rollout/approval.ts';
import type { Command, Decide } from '../../../src/rollout/command.ts';
import type { Actor } from '../../../src/rollout/reasons.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';

/** Asks for every simulated rollout. */
export const alice: Actor = { kind: 'person', name: 'alice' };
const bob: Actor = { kind: 'person', name: 'bob' };
const carol: Actor = { kind: 'person', name: 'carol' };
const pipeline: Actor = { kind: 'machine', name: 'ci' };

export type Said = { command: Command; actor: Actor };
export type Choose = <Thing>(things: Thing[]) => Thing;

const commands: Command[] = [
  { action: 'rollback' },
  { action: 'rollback' },
  { action: 'pause' },
  { action: 'pause' },
  { action: 'resume', drift: 'reassert' },
  { action: 'resume', drift: 'adopt' },
  { action: 'advance' },
  { action: 'promote', override: ['checks'], reason: 'simulated' },
];

/** What somebody says now, fitting or not. */
export function anyWord(rollout: Rollout, choose: Choose): Said {
  if (rollout.approvals.length > 0 && choose([true, true, false])) return anyDecision(rollout, choose);
  return { command: choose(commands), actor: alice };
}

/** An answer to a request for approval: by the wrong person, and to one of yesterday, too. */
function anyDecision({ approvals }: Rollout, choose: Choose): Said {
  const approval = choose([...approvals.map(({ id }) => id), pendingIn(approvals)?.id ?? 'ap-0-0']);
  const action: Decide['action'] = choose(['approve', 'approve', 'approve', 'approve', 'reject']);
  return { command: { action, approval }, actor: choose([alice, bob, bob, carol, carol, pipeline]) };
}

/** What brings a rollout that waits for people on its way again; null when it waits for nobody. */
export function helpfulWord(rollout: Rollout, choose: Choose): Said | null {
  const approval = pendingIn(rollout.approvals)?.id;
  if (approval !== undefined)
    return { command: { action: 'approve', approval }, actor: choose([bob, carol]) };
  return rollout.state.kind === 'paused' ? { command: choose(commands), actor: alice } : null;
}
