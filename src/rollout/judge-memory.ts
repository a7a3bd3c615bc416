import { z } from 'zod';
import { KnownArm } from '../analysis/counters.ts';
import { JudgeState } from '../analysis/sequential/state.ts';
import { Verdict } from '../analysis/sequential/verdict.ts';
import { Millis } from './units.ts';

/** What the sequential judge remembers between two polls. */
export const JudgeMemory = z.strictObject({
  /** Whose requests are judged, beside whose; of others nothing here is true. */
  arms: z.string(),
  /** Null until stable's history was read, or nobody could. */
  state: JudgeState.nullable(),
  /** What the pods' proxies had counted when they were last seen. */
  known: z.strictObject({ canary: KnownArm, stable: KnownArm }),
  countedAt: Millis,
  /** Polls that asked for stable's history and got none; why the last one did. */
  untold: z.strictObject({ polls: z.number(), why: z.string() }).nullable(),
  /** The stretches with one share are counted, so that the judge knows a new one; when the present one began. */
  stretch: z.strictObject({
    number: z.number(),
    appliedAt: Millis,
    /** Looks that saw nothing from before it. */
    looks: z.number(),
  }),
  /** True while stable's history is to be read once more, since the histogram has other bounds than it had. */
  isRebounded: z.boolean(),
  /** What was found at the last poll, and the share in percent at it; null before any. */
  verdict: Verdict.nullable(),
  share: z.number(),
  /** What the provider was asked for these counters. */
  queries: z.array(z.string()),
});
export type JudgeMemory = z.infer<typeof JudgeMemory>;
