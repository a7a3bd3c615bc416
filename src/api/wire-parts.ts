import { z } from 'zod';
import type { Action } from '../rollout/command.ts';
import type { Millis } from '../rollout/units.ts';

/** The form of every id; anything else is answered like an id that does not exist. */
export const RolloutId = z
  .string()
  .regex(/^ro_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  .meta({
    description: 'The id of a rollout: `ro_` and a ULID.',
    examples: ['ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YC'],
  });

const actions = [
  'pause',
  'resume',
  'advance',
  'promote',
  'approve',
  'reject',
  'rollback',
  'cancel',
] as const satisfies Action[];

export const ActionName = z.enum(actions);

export const Timestamp = z.iso.datetime().describe('RFC 3339, UTC.');

export const ActorOnWire = z
  .object({
    kind: z.enum(['person', 'machine', 'canaryd']),
    name: z.string(),
  })
  .meta({ id: 'Actor', description: 'Who did it, taken from the credential and never from a body.' });

export const ExplanationOnWire = z
  .object({
    what: z.string().describe('What happened: value, unit, limit, requests.'),
    traffic: z.string().describe('Where traffic is now.'),
    next: z.string().describe('What canaryd does next and when.'),
    actions: z.array(ActionName).describe('Actions that are accepted now.'),
  })
  .meta({ id: 'Explanation', description: 'The four things every refusal, hold and rollback answers.' });
export type ExplanationOnWire = z.output<typeof ExplanationOnWire>;

/** An explanation for a refusal that no rollout stands behind: nothing was written. */
export function untouched(what: string, next: string): ExplanationOnWire {
  const actions: Action[] = [];
  return { what, traffic: 'Nothing was written and no traffic was moved.', next, actions };
}

/** Renders milliseconds since the Unix epoch as RFC 3339 in UTC. */
export function timestamp(at: Millis): string {
  return new Date(at).toISOString();
}

/** At most 80 characters of what a caller sent, so that an answer never becomes an echo. */
export function clip(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
