import type { EventSeen, RolloutSeen, StepSeen } from '../client.ts';
import type { Clock } from '../screen/state.ts';

/** The step that a release has reached, counted from 0, by its events. */
export function reachedStep(events: EventSeen[]): number {
  return Number(events.findLast(({ type }) => type === 'step.started')?.facts['step'] ?? 0);
}

/** A step, counted from 0, and the time of day, or day and time, at which it ends if nothing holds. */
export type StepEnd = { index: number; time: string };

/** When the present step ends, by canaryd's own words, which know of every hold; else what was known of this step. */
export function stepEndIn({ step, explanation }: RolloutSeen, known: StepEnd | null): StepEnd | null {
  if (step === null) return null;
  const time = new RegExp(`(?:goes on|ends the rollout|begins the handover) at (${moment})`).exec(
    explanation.next,
  );
  if (time?.[1] !== undefined) return { index: step.index, time: time[1] };
  return known?.index === step.index ? known : null;
}

type Seen = { release: RolloutSeen; events: EventSeen[]; stepEnd: StepEnd | null };

/**
 * How long the present step has watched; null for a step without a time and outside of steps. The clock stands while
 * the release holds or is paused, and at 100 % it starts with the last weight. By canaryd's words where it said when the
 * step ends: an event is written down after the turn that it tells of, seconds later when Prometheus is slow.
 */
export function clockOf({ release, events, stepEnd }: Seen, nowMs: number): Clock | null {
  const { step, plan } = release;
  const present = step === null ? undefined : plan.steps[step.index];
  const ofSeconds = present === undefined ? null : watchedSeconds(present);
  if (step === null || ofSeconds === null) return null;
  if (step.type === 'promote' && release.weight.applied < 100) return null;
  const stands = release.status === 'holding' || release.status === 'paused';
  const toMs = stands ? stoodSince(release, nowMs) : nowMs;
  if (stepEnd?.index !== step.index || toMs === null)
    return { elapsedSeconds: watchedMs(events, nowMs) / 1000, ofSeconds, stands };
  const leftMs = timeMs(stepEnd.time, nowMs) - toMs;
  return { elapsedSeconds: Math.max(0, ofSeconds - leftMs / 1000), ofSeconds, stands };
}

const moment = '(?:\\d{4}-\\d\\d-\\d\\d )?\\d\\d:\\d\\d:\\d\\dZ';

function stoodSince({ explanation }: RolloutSeen, nowMs: number): number | null {
  const since = new RegExp(`(?:Holding|paused) since (${moment})`).exec(explanation.what)?.[1];
  return since === undefined ? null : timeMs(since, nowMs);
}

/** A time of day is the one nearest to now: a release that goes over midnight goes on. */
function timeMs(text: string, nowMs: number): number {
  if (text.includes(' ')) return Date.parse(text.replace(' ', 'T'));
  const today = Date.parse(`${new Date(nowMs).toISOString().slice(0, 10)}T${text}`);
  return today + Math.round((nowMs - today) / dayMs) * dayMs;
}

const dayMs = 86_400_000;

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
