import type { RolloutEntry } from './store.ts';

/** A route that had a rollout: its last one, and the live rollout that holds its VirtualService now. */
export type TargetRecord = { key: TargetKey; last: RolloutEntry; live: string | null };

/** What orders targets and tells one from another; the empty route is the one without a name. */
export type TargetKey = { cluster: string; namespace: string; virtualService: string; route: string };

export type TargetQuery = {
  cluster?: string;
  namespace?: string;
  virtualService?: string;
  /** Goes on behind this target. */
  after?: TargetKey;
  limit: number;
};

/** What is known of targets from their rollouts. */
export interface TargetRecords {
  /** Every route that ever had a rollout, in the order of its key. */
  list(query: TargetQuery): Promise<TargetRecord[]>;
  /** The last rollout that moved a VirtualService, whatever its route and beside whichever others; null without one. */
  last(name: Omit<TargetKey, 'route'>): Promise<TargetRecord | null>;
}
