import type { EventSeen, RolloutSeen, StepSeen } from '../client.ts';
import type { Clock } from '../screen/state.ts';

/** The step that a release has reached, counted from 0, by its events. */
export function reachedStep(events: EventSeen[]): number {
  return Number(events.findLast(({ type }) => type === 'step.started')?.facts['step'] ?? 0);
}

/**
 * How long the present step has watched, by the events; null for a step without a time and outside of steps. As in
 * canaryd itself the clock stands while the release holds or is paused, and at 100 % it starts with the last weight.
 */
export function clockOf(release: RolloutSeen, events: EventSeen[], nowMs: number): Clock | null {
  const { step, plan } = release;
  const present = step === null ? undefined : plan.steps[step.index];
  const ofSeconds = present === undefined ? null : watchedSeconds(present);
  if (step === null || ofSeconds === null) return null;
  if (step.type === 'promote' && release.weight.applied < 100) return null;
  const stands = release.status === 'holding' || release.status === 'paused';
  return { elapsedSeconds: watchedMs(events, nowMs) / 1000, ofSeconds, stands };
}

function watchedSeconds(step: StepSeen): number | null {
  if (step.type === 'bake' || step.type === 'pause') return step.duration ?? null;
  return step.type === 'promote' ? (step.bake ?? null) : null;
}

const stops = ['rollout.holding', 'rollout.paused'];

function watchedMs(events: EventSeen[], nowMs: number): number {
  let sinceMs: number | null = null;
  let watched = 0;
  for (const { type, at } of events) {
    const atMs = Date.parse(at);
    if (type === 'step.started' || type === 'weight.applied') {
      watched = 0;
      sinceMs = atMs;
    } else if (stops.includes(type) && sinceMs !== null) {
      watched += atMs - sinceMs;
      sinceMs = null;
    } else if (type === 'rollout.resumed') sinceMs = atMs;
  }
  return watched + (sinceMs === null ? 0 : Math.max(0, nowMs - sinceMs));
}
