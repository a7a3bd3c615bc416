import { z } from 'zod';
import { ReceivedBy } from './reasons.ts';
import { Millis } from './units.ts';

const known = {
  /** Empty for one without. */
  name: z.string(),
  /** Those that the plan names. */
  labels: z.record(z.string(), z.string()),
  receivedBy: ReceivedBy,
  /** When this rollout heard of it first. */
  since: Millis,
};

const Remembered = z.discriminatedUnion('means', [
  z.strictObject({ means: z.literal('rollback'), ...known, startsAt: Millis }),
  z.strictObject({
    means: z.literal('hold'),
    ...known,
    startsAt: Millis.nullable(),
    only: z.enum(['plan', 'beganBefore', 'beginningUnknown']),
  }),
]);
export type RememberedAlert = z.infer<typeof Remembered>;

/** Alerts that a plan listens to, as of the last poll. */
export const AlertMemory = z.strictObject({
  /** Those that go back first, then those that were heard of first. */
  firing: z.array(Remembered),
  /** Why there may be more; null when all could be read. */
  unread: z.strictObject({ why: z.string(), since: Millis }).nullable(),
});
export type AlertMemory = z.infer<typeof AlertMemory>;
