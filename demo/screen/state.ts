import { z } from 'zod';
import { Rollout } from '../client.ts';

const Poll = z.object({
  at: z.string(),
  share: z.number(),
  checks: z.array(
    z.object({
      id: z.string(),
      canary: z.number().nullable(),
      stable: z.number().nullable(),
      requests: z.number().nullable(),
      verdict: z.string().nullable(),
    }),
  ),
});
/** What one measurement found, check by check; null where there was no value. */
export type Poll = z.infer<typeof Poll>;

const Decision = z.object({ at: z.string(), by: z.enum(['canaryd', 'you']), text: z.string() });
/** Something that was decided or done, in a whole sentence. */
export type Decision = z.infer<typeof Decision>;

const Clock = z.object({ elapsedSeconds: z.number(), ofSeconds: z.number(), stands: z.boolean() });
/** How long the present step has watched; it stands while the rollout holds or is paused. */
export type Clock = z.infer<typeof Clock>;

/** A key and what it does; not open when it would make no sense now. */
const Key = z.object({ key: z.string(), label: z.string(), isOpen: z.boolean() });

/** Everything that the screen shows: plain data, so that a picture can be drawn from it again. */
export const ScreenState = z.object({
  colour: z.boolean(),
  ascii: z.boolean(),
  /** Null before the first release. */
  release: Rollout.nullable(),
  /** The step that was reached, from 0: known after the end, too. */
  reached: z.number(),
  clock: Clock.nullable(),
  /** Oldest first, as are the decisions. */
  polls: z.array(Poll),
  decisions: z.array(Decision),
  /** What somebody broke and what follows, in whole sentences. */
  broken: z.array(z.string()),
  /** What is being waited for, outside of a release; else null. */
  notice: z.string().nullable(),
  /** How to reach canaryd from another terminal, one command each; empty unless somebody asked for it. */
  access: z.array(z.string()),
  keys: z.array(Key),
});
export type ScreenState = z.infer<typeof ScreenState>;

export type Size = { columns: number; rows: number };
