import type { Measurements } from '../../analysis/reading.ts';
import type { AuditEvent, AuditRow } from '../audit.ts';
import type { Names } from '../names.ts';
import type { Actor } from '../reasons.ts';
import type { StoredRollout } from '../rollout.ts';
import type { Millis } from '../units.ts';
import type { LiveReads } from './live.ts';

/**
 * A hold order for one scope: no rollout in it moves forward while it stands. A null cluster or namespace stands
 * for all of them.
 */
export type HoldOrder = {
  id: string;
  cluster: string | null;
  namespace: string | null;
  by: Actor;
  reason: string | null;
  at: Millis;
};

/**
 * A claimed turn: `epoch` is the fencing token, `now` PostgreSQL's clock at the claim, `order` a hold order whose
 * scope the rollout lies in.
 */
export type Claim<Held extends StoredRollout = StoredRollout> = {
  rollout: Held;
  epoch: number;
  now: Millis;
  order: HoldOrder | null;
  trouble: Trouble;
};

/** How a rollout's turns have failed of late, one after the other; `why` names the last error and holds no value. */
export type Trouble = { failures: number; why: string | null; quarantinedAt: Millis | null };

/** What the columns of a row tell, also where this version cannot read its document. */
export type RowFacts = {
  id: string;
  /** Possibly one that only a newer version knows. */
  status: string;
  cluster: string;
  namespace: string;
  virtualService: string;
  trouble: Trouble;
};

/** A row whose turn failed; `rollout` is null when this version cannot read it. */
export type FailedTurn = { row: RowFacts; rollout: StoredRollout | null; dueAt: Millis; now: Millis };

/** What is written down about a failed turn. A null `nextAt` leaves the next turn as it is. */
export type FailureRecord = { trouble: Trouble; nextAt: Millis | null; events: AuditEvent[]; now: Millis };

/** A row of a list. */
export type RolloutEntry =
  | { kind: 'rollout'; rollout: StoredRollout; trouble: Trouble }
  | { kind: 'unreadable'; row: RowFacts };

/** What a write to the store carries; one transaction. */
export type Change = {
  rollout: StoredRollout;
  events: AuditEvent[];
  measurements: Measurements | null;
  /** When the next turn is due; null ends the rollout. */
  nextAt: Millis | null;
  /** True gives the lease back. */
  release: boolean;
  /** The epoch that is taken with this write, where the mesh knows a higher one than the database does. */
  raiseTo?: number;
};

export interface Store {
  /** Takes the lease and raises the epoch, or null when it is not due, ended, or leased by another worker. */
  claim(id: string, worker: string, leaseSeconds: number): Promise<Claim | null>;
  /**
   * Writes only while `epoch` is still the newest one; answers PostgreSQL's clock or that the turn is fenced. A
   * scheduled rollout that becomes one in preflight takes all its VirtualServices with the same write: `taken` names one
   * that was faster, and nothing is written. A write that gives the lease back also forgets all trouble.
   */
  save(
    id: string,
    epoch: number,
    change: Change,
  ): Promise<{ kind: 'saved'; now: Millis } | { kind: 'fenced' } | { kind: 'taken'; by: string }>;
  /** Every rollout that moves one of these and has not ended, scheduled ones included, the oldest first. */
  namesakes(names: Names): Promise<StoredRollout[]>;
  /**
   * Locks a row that has not ended, lets `judge` decide what its failed turn means, and writes that with its audit rows
   * and without touching the document; the lease is given back. Only while `epoch` is still the newest one; null stands
   * for a row that could not be claimed and is free. Null when nothing was written.
   */
  fail(
    id: string,
    epoch: number | null,
    judge: (turn: FailedTurn) => FailureRecord | null,
  ): Promise<FailureRecord | null>;
  /**
   * Ids that are due and not leased: those that go back, then the others, the longest due first; `except` leaves out
   * what the caller cannot read.
   */
  due(limit: number, except?: readonly string[]): Promise<string[]>;
  now(): Promise<Millis>;
}

/** An answer to keep for a repeated Idempotency-Key; written in the same transaction as what it answers. */
export type Remembered = {
  principal: string;
  method: string;
  path: string;
  key: string;
  /** SHA-256 of the request's body, in hex. */
  fingerprint: string;
  status: number;
  body: string;
};

export type CommandChange<Answer> = {
  /** Null when the command was refused: nothing is written. */
  change: { rollout: StoredRollout; events: AuditEvent[]; nextAt: Millis | null } | null;
  answer: Answer;
  remember: Remembered | null;
};

/** What the service needs beyond a turn. */
export interface Rollouts {
  /**
   * Inserts a rollout, its first audit rows and the remembered answer in one transaction and wakes all workers.
   * `taken` names a live rollout that holds one of its VirtualServices; `answeredBefore` means that the key was used by
   * a request that ran at the same time. A scheduled rollout holds nothing yet: it is never `taken`, and its turn
   * comes at its time.
   */
  create(
    rollout: StoredRollout,
    events: AuditEvent[],
    remember: Remembered | null,
  ): Promise<{ kind: 'created' } | { kind: 'taken'; by: string } | { kind: 'answeredBefore' }>;
  /**
   * Locks the row, lets `act` decide, writes its change with epoch+1, no lease and `nextAt`, and wakes all workers.
   * `unknown` when there is no such rollout.
   */
  command<Answer>(
    id: string,
    act: (rollout: StoredRollout, now: Millis) => CommandChange<Answer>,
  ): Promise<{ kind: 'answered'; answer: Answer } | { kind: 'unknown' } | { kind: 'answeredBefore' }>;
  /** The answer kept for this key in the last 7 days, or null. */
  recall(
    key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
  ): Promise<Pick<Remembered, 'fingerprint' | 'status' | 'body'> | null>;
  find(id: string): Promise<FoundRollout | null>;
  /** Newest first, without those that this version cannot read. */
  list(query: RolloutQuery): Promise<StoredRollout[]>;
  /** Newest first, with those that this version cannot read. */
  entries(query: RolloutQuery): Promise<RolloutEntry[]>;
  /** How many rollouts that have not ended are in quarantine. */
  quarantined(): Promise<number>;
  /** Every rollout that moves one of these and has not ended, scheduled ones included, the oldest first. */
  namesakes(names: Names): Promise<StoredRollout[]>;
  /**
   * The ids of all that have not ended and move anything there, scheduled ones included, the newest first; null is every
   * cluster, every namespace. Reads none of them, so that one that this version cannot read hides no other.
   */
  liveIn(scope: Pick<HoldOrder, 'cluster' | 'namespace'>): Promise<string[]>;
  /** One rollout's audit rows in their order. */
  events(id: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  /** All audit rows that match, in the order of their number. */
  audit(query: AuditQuery): Promise<AuditRow[]>;
  now(): Promise<Millis>;
  /** For those who watch. */
  readonly live: LiveReads;
}

/** A rollout, when its next turn is due (null when it has ended), and PostgreSQL's clock. */
export type FoundRollout = { rollout: StoredRollout; nextAt: Millis | null; now: Millis; trouble: Trouble };

export type RolloutQuery = {
  statuses?: string[];
  namespace?: string;
  virtualService?: string;
  /** Those that move one of these. */
  moving?: Names;
  /** Newest first; answers those created before this rollout. */
  beforeId?: string;
  limit: number;
};

export type AuditQuery = {
  rolloutId?: string;
  actor?: string;
  type?: string;
  afterNumber?: number;
  since?: Millis;
  until?: Millis;
  limit: number;
};
