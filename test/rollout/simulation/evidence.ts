import type { AuditRow } from '../../../src/rollout/audit.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { AcceptedWrite } from '../../fakes/mesh.ts';
import type { Logbook } from './logbook.ts';

export type Violation = { promise: string; detail: string };

export type Seen = { rollout: Rollout; share: number };

export type Evidence = {
  /** The store and the mesh after every deed. */
  seen: Seen[];
  last: Rollout;
  /** The canary's share once everything has arrived. */
  share: number;
  writes: AcceptedWrite[];
  rows: AuditRow[];
  logbook: Logbook;
  /** True when the canary failed to the end and nobody helped. */
  turnsBad: boolean;
};
