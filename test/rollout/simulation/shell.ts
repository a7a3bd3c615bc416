import type { Mesh } from '../../../src/rollout/ports/mesh.ts';
import type { HoldOrder, Store } from '../../../src/rollout/ports/store.ts';
import { isScheduled, type Rollout } from '../../../src/rollout/rollout.ts';
import { frozen, type Logbook, type Look, type Turn } from './logbook.ts';

/** Each takes one protection away, or breaks a decision on purpose; the run must then find a violation. */
export type Protections = {
  fence?: boolean;
  resourceVersion?: boolean;
  closingWrite?: boolean;
  /** False: no turn learns of a hold order. */
  killSwitch?: boolean;
  /** The pods of these arms look as they did at the start, whatever they run. */
  blindTo?: 'stable' | 'canary';
  /** Which plan is followed, by a number in 0..1, where most have nothing to do with what is broken. */
  plan?: number;
  /** What is written down instead of what a turn decided. */
  tamper?: (after: Rollout, before: Rollout) => Rollout;
  /** What a word is judged on instead of what stands there. */
  mistake?: (before: Rollout) => Rollout;
};

export type ShellDeps = {
  logbook: Logbook;
  protections: Protections;
  pass: (owner: string, label: string) => Promise<void>;
  order: () => HoldOrder | null;
  forwardMs: () => number;
  look: () => Look;
  share: () => number;
  /** The rollout as it was last written down. */
  current: () => Rollout;
};

/** What a turn of one worker has so far; its claim brings it into being. */
export type Under = { turn: Turn | null };

/**
 * The store as one turn sees it. Both sides of every call are places to stop at: before it happened, and before its
 * answer is known. What a turn is given is frozen, so that a decision that changes it is a fault.
 */
export function storeOf(inner: Store, owner: string, under: Under, deps: ShellDeps): Store {
  const { logbook, protections, pass } = deps;
  const around = async <T>(label: string, call: () => Promise<T>): Promise<T> => {
    await pass(owner, `before ${label}`);
    const answer = await call();
    await pass(owner, `after ${label}`);
    return answer;
  };
  const claim: Store['claim'] = async (id, worker, leaseSeconds) => {
    const claimed = await inner.claim(id, worker, leaseSeconds);
    if (claimed === null || isScheduled(claimed.rollout)) return null;
    const { epoch, now: at, rollout: before } = claimed;
    const order = deps.order();
    const seen = { order, forwardMs: deps.forwardMs(), looks: [], saved: [] };
    const turn: Turn = { epoch, at, before: frozen(before), ...seen };
    under.turn = turn;
    logbook.turns.set(epoch, turn);
    return { ...claimed, order: protections.killSwitch === false ? null : order };
  };
  const save: Store['save'] = async (id, epoch, change) => {
    const before = deps.current();
    if (isScheduled(change.rollout)) throw new Error('nothing is scheduled here');
    const after = protections.tamper?.(change.rollout, before) ?? change.rollout;
    const saved = await inner.save(id, epoch, { ...change, rollout: after });
    if (saved.kind !== 'saved') return saved;
    under.turn?.saved.push(after);
    logbook.changes.push({ before, after, by: 'turn', turn: under.turn, share: deps.share() });
    return saved;
  };
  return {
    claim: (id, worker, leaseSeconds) => around('claim', () => claim(id, worker, leaseSeconds)),
    save: (id, epoch, change) => around('save', () => save(id, epoch, change)),
    namesakes: (name) => inner.namesakes(name),
    due: (limit) => around('due', () => inner.due(limit)),
    now: () => around('now', () => inner.now()),
  };
}

/** One look of a turn at the mesh; what really stood there goes into the logbook. */
export async function seenBy(
  under: Under,
  deps: ShellDeps,
  look: () => ReturnType<Mesh['look']>,
): ReturnType<Mesh['look']> {
  const view = await look();
  under.turn?.looks.push(deps.look());
  const { blindTo } = deps.protections;
  if (view.kind !== 'split' || blindTo === undefined) return frozen(view);
  return frozen({ ...view, images: { ...view.images, [blindTo]: asAtTheStart[blindTo] } });
}

const asAtTheStart = {
  stable: {
    kind: 'known' as const,
    pods: [{ templateHash: 'v1-1', ready: true, digests: { app: 'sha256:v1' } }],
  },
  canary: {
    kind: 'known' as const,
    pods: [{ templateHash: 'v2-1', ready: true, digests: { app: 'sha256:v2' } }],
  },
};
