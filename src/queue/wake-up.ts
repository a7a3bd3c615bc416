import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Millis } from '../rollout/units.ts';

/** A turn that is due at `at`, in so many milliseconds from when it was set. */
export type Ring = { id: string; at: Millis; delayMs: number };

/**
 * What a job carries: nothing is decided from it, so it names rollouts and no more. `rolloutId` is the first of them:
 * a version that knows no `others` takes that one's turn, and its sweep finds the rest.
 */
export const WakeJob = z.object({ rolloutId: z.string(), others: z.array(z.string()).default([]) });
export type WakeJob = z.input<typeof WakeJob>;

/** One job of the queue. */
export type WakeUp = { jobId: string; data: WakeJob; delayMs: number };

/** Turns that are due so closely together ring together, when the last of them is due. Milliseconds. */
const togetherMs = 50;

/** What one job wakes at most: whoever hears it takes all of these turns. */
const most = 50;

/** The wake-ups for these rings. The same ring twice is one, and rings that are due at nearly the same time share a job. */
export function wakeUpsFor(rings: Ring[]): WakeUp[] {
  const once = new Map(rings.map((ring) => [jobIdOf(ring), ring]));
  const sorted = [...once.values()].sort((one, other) => one.delayMs - other.delayMs);
  const groups: [Ring, ...Ring[]][] = [];
  for (const ring of sorted) {
    const group = groups.at(-1);
    if (group === undefined || group.length >= most || ring.delayMs - group[0].delayMs > togetherMs)
      groups.push([ring]);
    else group.push(ring);
  }
  return groups.map(wakeUpFor);
}

function wakeUpFor([first, ...others]: [Ring, ...Ring[]]): WakeUp {
  const last = others.at(-1) ?? first;
  const data = {
    rolloutId: first.id,
    ...(others.length === 0 ? {} : { others: others.map(({ id }) => id) }),
  };
  return { jobId: [jobIdOf(first), ...companyOf(others)].join('-'), data, delayMs: last.delayMs };
}

/** BullMQ drops a job whose id it has: one with other company must not be taken for it. */
function companyOf(others: Ring[]): string[] {
  if (others.length === 0) return [];
  const all = others.map(jobIdOf).sort().join();
  return [createHash('sha256').update(all).digest('hex').slice(0, 16)];
}

/** The same wake-up asked for twice is one job. */
function jobIdOf({ id, at }: Ring): string {
  return `wake-${id}-${at}`;
}

/** A wake-up as BullMQ takes it. */
export function jobFor({ jobId, data, delayMs }: WakeUp) {
  return { name: 'wake', data, opts: { jobId, delay: delayMs, removeOnComplete: true, removeOnFail: true } };
}
