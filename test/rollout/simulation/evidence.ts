import type { AuditRow } from '../../../src/rollout/audit.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Logbook } from './logbook.ts';

export type Violation = { promise: string; detail: string };

/**
 * The store and the mesh after a deed. `moves`: how often another hand had moved the share by then; `isMovedSince`:
 * it did so once more since canaryd looked, so that what stands in the store may be out of date.
 */
export type Seen = { rollout: Rollout; share: number; moves: number; isMovedSince: boolean };

export type Evidence = {
  seen: Seen[];
  last: Rollout;
  /** The canary's share once everything has arrived. */
  share: number;
  /** Managed routes that stand there then, by name. */
  managedRoutes: string[];
  rows: AuditRow[];
  logbook: Logbook;
  /** True when the canary failed to the end and nobody helped. */
  turnsBad: boolean;
};
