import { hasEnded } from '../client.ts';
import type { Fault, Memory } from './memory.ts';

/** What a key does. */
export type Deed =
  | { kind: 'fault'; fault: Fault }
  | { kind: 'prometheus' }
  | { kind: 'policy' }
  | { kind: 'act'; action: 'pause' | 'resume' | 'rollback' }
  | { kind: 'start' }
  | { kind: 'access' }
  | { kind: 'quit' };

/** What a key would do now, and why it would make no sense; null when it does. */
export type Binding = { key: string; label: string; deed: Deed; whyNot: string | null };

const underway = ['preflight', 'running', 'promoting', 'holding', 'paused'];

/** All keys in the order of the key bar. */
export function bindings(memory: Memory): Binding[] {
  return [
    faultKey(memory, 's', { fault: 'slow', breaks: 'slow', heals: 'fast again' }),
    faultKey(memory, 'f', { fault: 'failing', breaks: 'fail', heals: 'stop failing' }),
    faultKey(memory, 'k', { fault: 'dead', breaks: 'kill', heals: 'revive' }),
    {
      key: 'b',
      label: memory.frozenSinceMs === null ? 'break Prometheus' : 'mend Prometheus',
      deed: { kind: 'prometheus' },
      whyNot: null,
    },
    policyKey(memory),
    pauseKey(memory),
    {
      key: 'r',
      label: 'roll back',
      deed: { kind: 'act', action: 'rollback' },
      whyNot: allows(memory, 'rollback') ? null : idle(memory),
    },
    { key: 'n', label: 'next release', deed: { kind: 'start' }, whyNot: whyNoStart(memory) },
    {
      key: 'c',
      label: memory.showsAccess ? 'hide token' : 'curl',
      deed: { kind: 'access' },
      whyNot: null,
    },
    { key: 'q', label: 'quit', deed: { kind: 'quit' }, whyNot: null },
  ];
}

type FaultWords = { fault: Fault; breaks: string; heals: string };

function faultKey(memory: Memory, key: string, { fault, breaks, heals }: FaultWords): Binding {
  const { release, faults } = memory;
  const isUnderway = release !== null && underway.includes(release.status);
  const deed = { kind: 'fault' as const, fault };
  // What is broken may be mended at any time.
  if (faults.has(fault)) return { key, label: heals, deed, whyNot: null };
  return { key, label: breaks, deed, whyNot: isUnderway ? null : idle(memory) };
}

/** The policy is read before the first percent, so that it is broken between two releases. */
function policyKey({ leavesCanaryOut, release }: Memory): Binding {
  const deed = { kind: 'policy' as const };
  if (leavesCanaryOut) return { key: 'a', label: 'mend policy', deed, whyNot: null };
  const isOver = release === null || hasEnded(release);
  const whyNot = isOver ? null : 'policies are read before a release starts, and this one has';
  return { key: 'a', label: 'break policy', deed, whyNot };
}

function pauseKey(memory: Memory): Binding {
  const action = memory.release?.status === 'paused' ? 'resume' : 'pause';
  const whyNot = allows(memory, action) ? null : idle(memory);
  return { key: 'p', label: action, deed: { kind: 'act', action }, whyNot };
}

function allows({ release }: Memory, action: string): boolean {
  return release?.allowedActions.includes(action) ?? false;
}

function whyNoStart({ release, isStarting }: Memory): string | null {
  if (isStarting) return 'a release is just being started';
  if (release === null || hasEnded(release)) return null;
  return release.status === 'rolling_back'
    ? 'the release is still on its way back'
    : 'a release is under way: r rolls it back';
}

function idle({ release, isStarting }: Memory): string {
  if (isStarting || release === null) return 'the release has not started yet';
  if (hasEnded(release)) return 'the release has ended: n starts the next one';
  if (release.status === 'rolling_back') return 'the release is going back already';
  return `a release that is ${release.status.replaceAll('_', ' ')} does not take that`;
}
