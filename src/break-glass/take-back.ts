import type { MeshFailure, Owner } from '../rollout/ports/mesh.ts';
import { planRollback, type RollbackPlan, type Taken } from '../traffic/break-glass.ts';
import type { Kube, KubeRead, ObjectName } from '../traffic/kube.ts';
import type { VirtualService } from '../traffic/virtual-service.ts';

export type Seen =
  | RollbackPlan
  | { kind: 'missing' }
  /** The API server refused or did not answer; `verb` is what it was asked for. */
  | { kind: 'failed'; verb: 'get' | 'patch'; failure: MeshFailure };

export type TakenBack =
  | Exclude<Seen, { kind: 'write' }>
  /** Read back: the canary has nothing. */
  | { kind: 'takenBack'; taken: Taken; resourceVersion: string }
  /** Another rollout moves the object now than the one that was shown. */
  | { kind: 'otherRollout'; owner: Owner }
  /** Tried until the time was up; `seen` is what stood there after the last try, null when it could not be read. */
  | { kind: 'open'; why: string; seen: Taken | null };

/** `budgetMs`: for all tries together; `now` and `pause` in milliseconds. */
export type Attempts = {
  kube: Pick<Kube, 'readVirtualService' | 'patchVirtualService'>;
  name: ObjectName;
  budgetMs: number;
  now: () => number;
  pause: (ms: number) => Promise<unknown>;
};

const lastLookMs = 3000;

/** Reads the object, again and again when the API server does not answer, until the time is up. */
export async function look(attempts: Attempts): Promise<Seen> {
  const clock = clockOf(attempts);
  for (let tries = 0; ; tries += 1) {
    const { seen } = await lookOnce(attempts, clock.remaining());
    if (seen.kind !== 'failed' || !mayPass(seen.failure) || clock.isUp()) return seen;
    await clock.wait(tries);
  }
}

/**
 * Takes the canary's traffic back, and answers only what was read from the API server. A conflict is read and tried
 * again at once; so is an answer that leaves open whether the write has landed, because what stands there tells.
 */
export async function takeBack(attempts: Attempts, rolloutId: string): Promise<TakenBack> {
  const clock = clockOf(attempts);
  let told: string | null = null;
  for (let tries = 0; ; tries += 1) {
    const result = await tryOnce(attempts, { rolloutId, tries }, clock.remaining());
    if (result.kind !== 'again') return result;
    // The last try may have been cut short by our own clock: what the one before met tells more.
    if (clock.isUp()) return lastLook(attempts, rolloutId, told ?? result.why);
    told = result.why;
    await clock.wait(result.why === conflict ? 0 : tries);
  }
}

type Again = { kind: 'again'; why: string };
const conflict = 'somebody else keeps writing the VirtualService';

async function tryOnce(
  { kube, name, ...rest }: Attempts,
  { rolloutId, tries }: { rolloutId: string; tries: number },
  leftMs: number,
): Promise<TakenBack | Again> {
  const { seen, version } = await lookOnce({ kube, name, ...rest }, leftMs);
  const settled = settle(seen, { rolloutId, version, hasWritten: tries > 0 });
  if (settled.kind !== 'write') return settled;
  const written = await kube.patchVirtualService(name, settled.patch, AbortSignal.timeout(leftMs));
  switch (written.kind) {
    case 'written':
      return readBack(written.value, rolloutId);
    case 'conflict':
      return { kind: 'again', why: conflict };
    case 'ambiguous':
      return { kind: 'again', why: written.why };
    case 'missing':
      return written;
    case 'unavailable':
      return mayPass(written)
        ? { kind: 'again', why: written.why }
        : { kind: 'failed', verb: 'patch', failure: written };
  }
}

type Context = { rolloutId: string; version: string; hasWritten: boolean };

/** What stands there decides: a write whose answer was lost may have landed. */
function settle(
  seen: Seen,
  { rolloutId, version, hasWritten }: Context,
): TakenBack | Again | Extract<Seen, { kind: 'write' }> {
  if (seen.kind === 'failed' && mayPass(seen.failure)) return { kind: 'again', why: seen.failure.why };
  if (seen.kind !== 'write' && seen.kind !== 'already') return seen;
  if (seen.taken.owner.rolloutId !== rolloutId) return { kind: 'otherRollout', owner: seen.taken.owner };
  if (seen.kind === 'write' || !hasWritten) return seen;
  return { kind: 'takenBack', taken: seen.taken, resourceVersion: version };
}

/** An answer of 200 counts only when its body shows the canary at 0 and our word. */
function readBack(written: VirtualService, rolloutId: string): TakenBack | Again {
  const context = { rolloutId, version: written.metadata.resourceVersion, hasWritten: true };
  const settled = settle(planRollback(written), context);
  if (settled.kind !== 'write') return settled;
  return { kind: 'again', why: 'the API server accepted the patch but answered with another state' };
}

async function lastLook(attempts: Attempts, rolloutId: string, why: string): Promise<TakenBack> {
  const { seen, version } = await lookOnce(attempts, lastLookMs);
  const settled = settle(seen, { rolloutId, version, hasWritten: true });
  if (settled.kind === 'write') return { kind: 'open', why, seen: settled.taken };
  return settled.kind === 'again' ? { kind: 'open', why, seen: null } : settled;
}

async function lookOnce({ kube, name }: Attempts, leftMs: number): Promise<{ seen: Seen; version: string }> {
  const read: KubeRead<VirtualService> = await kube.readVirtualService(name, AbortSignal.timeout(leftMs));
  if (read.kind === 'missing') return { seen: read, version: '' };
  if (read.kind === 'unavailable')
    return { seen: { kind: 'failed', verb: 'get', failure: read }, version: '' };
  return { seen: planRollback(read.value), version: read.value.metadata.resourceVersion };
}

/** What may be over in a moment; a missing right or a denial is not. */
function mayPass({ reason }: MeshFailure): boolean {
  return passing.has(reason);
}

const passing = new Set<MeshFailure['reason']>([
  'throttled',
  'unreachable',
  'timeout',
  'serverError',
  'unreadable',
]);

function clockOf({ budgetMs, now, pause }: Attempts) {
  const end = now() + budgetMs;
  const remaining = () => Math.max(1, Math.ceil(end - now()));
  return {
    remaining,
    isUp: () => now() >= end,
    wait: (tries: number) => pause(Math.min(1000, 50 * 2 ** tries, remaining())),
  };
}
