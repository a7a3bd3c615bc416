import { z } from 'zod';
import { StoredPlan } from './plan.ts';
import { Actor } from './reasons.ts';
import { Cancelled, PreflightFailed } from './state.ts';
import { TargetRequest } from './target.ts';
import { KubernetesName } from './units.ts';

const Millis = z.number();

/** What happens when another rollout holds the VirtualService: this one is refused, or waits for its turn. */
export const OnConflict = z.enum(['reject', 'queue'], { error: 'write reject or queue' });
export type OnConflict = z.infer<typeof OnConflict>;

/** Why a rollout whose time has come does not begin. */
const Obstacle = z.discriminatedUnion('kind', [
  /** Another rollout holds the VirtualService, or stands in front of this one in the queue. */
  z.strictObject({ kind: z.literal('behind'), rollout: z.string() }),
  /** A hold order, in words. */
  z.strictObject({ kind: z.literal('order'), why: z.string() }),
  /** The target cannot be read as it stands, in words; `since` is when that began. */
  z.strictObject({ kind: z.literal('fault'), why: z.string(), since: Millis }),
]);
export type Obstacle = z.infer<typeof Obstacle>;

const Waiting = z.strictObject({ kind: z.literal('waiting'), obstacle: Obstacle.nullable() });

/**
 * A rollout that was asked for and has not begun: it holds nothing, has read nothing and has no roles. Those are given
 * when its turn comes, by the split as it stands then.
 */
export const ScheduledRollout = z.strictObject({
  kind: z.literal('scheduled'),
  id: z.string(),
  /** Changes when it ends, and when it becomes a rollout. */
  revision: z.number(),
  target: TargetRequest.extend({ cluster: KubernetesName }),
  plan: StoredPlan,
  planVersion: z.int().nullable(),
  requestedBy: Actor,
  reason: z.string().nullable(),
  createdAt: Millis,
  /** When it is to begin; null for as soon as its VirtualService is free. */
  startAt: Millis.nullable(),
  onConflict: OnConflict,
  state: z.discriminatedUnion('kind', [Waiting, PreflightFailed, Cancelled]),
});
export type ScheduledRollout = z.infer<typeof ScheduledRollout>;

/** A rollout as it was asked for, with what it waits for. */
export function newScheduled(
  asked: Omit<ScheduledRollout, 'kind' | 'revision' | 'createdAt' | 'state'>,
  obstacle: Obstacle | null,
  now: z.infer<typeof Millis>,
): ScheduledRollout {
  return { kind: 'scheduled', ...asked, revision: 1, createdAt: now, state: { kind: 'waiting', obstacle } };
}

/** When its turn comes: at its time, or at once. */
export function dueAt({ startAt, createdAt }: Pick<ScheduledRollout, 'startAt' | 'createdAt'>): number {
  return startAt ?? createdAt;
}
