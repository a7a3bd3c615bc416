import type { WrittenPlan } from '../plan.ts';
import type { Actor } from '../reasons.ts';
import type { Millis } from '../units.ts';

/** A version of a plan, as it was written: it never changes and is never taken away. */
export type PlanVersion = {
  name: string;
  /** 1 for the first, one more for each later one. */
  version: number;
  plan: WrittenPlan;
  /** `sha256:` and 64 hex digits, over the plan as canonical JSON. */
  digest: string;
  createdAt: Millis;
  createdBy: Actor;
};

export type PlanDraft = Omit<PlanVersion, 'createdAt'>;

/** Where the versions of plans are kept. */
export interface PlanLibrary {
  /** The newest version, or the one that is asked for; null when there is none. */
  find(name: string, version?: number): Promise<PlanVersion | null>;
  /** All versions of one plan, the newest first; `before` goes on below that version. */
  versions(name: string, page: { before?: number; limit: number }): Promise<PlanVersion[]>;
  /** The newest version of each plan, in the order of their names; `after` goes on behind that name. */
  list(page: { after?: string; limit: number }): Promise<PlanVersion[]>;
  /** Keeps a version unless its number is taken, so that of two writers only one wins. Null when it is taken. */
  add(draft: PlanDraft): Promise<PlanVersion | null>;
}
