import type { Measurements } from '../analysis/reading.ts';
import type { AuditEvent, AuditRow } from './audit.ts';
import type { Check } from './plan-parts.ts';
import type { Rollout } from './rollout.ts';
import type { Target, TargetRequest } from './target.ts';
import type { Millis, Share } from './units.ts';

/** Pods behind one destination; `unknown` when canaryd may not read them. Terminating pods are not counted. */
export type Readiness = { kind: 'known'; ready: number; total: number } | { kind: 'unknown'; why: string };

/** A fault of the VirtualService's shape, with the path in the object that is not understood. */
export type ShapeFault = {
  code:
    | 'route-not-found'
    | 'route-ambiguous'
    | 'destination-not-in-route'
    | 'split-not-at-rest'
    | 'unsupported-shape'
    | 'canary-ambiguous'
    | 'subset-not-found'
    | 'service-not-found';
  /** Path inside the object, such as `spec.http[0].route[2].weight`. */
  path: string;
  message: string;
};

/** Why the mesh gave no usable answer. */
export type MeshFailure = {
  kind: 'unavailable';
  reason:
    | 'forbidden'
    | 'unauthorized'
    | 'throttled'
    | 'denied'
    | 'invalid'
    | 'unreachable'
    | 'timeout'
    | 'serverError'
    | 'unreadable';
  why: string;
};

/** The route as it stands now. */
export type SplitView = {
  kind: 'split';
  uid: string;
  /** What the next conditional write builds on; only the adapter that made it can read it. */
  snapshot: unknown;
  /** 0 when the canary's destination is absent. */
  canaryShare: Share;
  /** False when stable's destination is gone: a write of 100 % to it cannot be expressed. */
  hasStable: boolean;
  /**
   * Traffic that somebody gave to a destination that is no part of the rollout; null when there is none. The way
   * forward waits for a person; going back takes the canary's share alone and leaves this one where it is.
   */
  foreign: ShapeFault | null;
  /** True when other routes bring stable requests too, so that its count says little about the canary's. */
  stableHasOtherRoutes: boolean;
  /** From our annotations; null when there are none. */
  owner: { rolloutId: string; epoch: number } | null;
  readiness: { stable: Readiness; canary: Readiness };
};
export type MeshView = SplitView | { kind: 'missing' } | { kind: 'shape'; fault: ShapeFault } | MeshFailure;

/** One JSON Patch operation, with what stood there before, for people who preview it. */
export type WeightChange = {
  op: 'add' | 'replace' | 'remove';
  path: string;
  from: number | null;
  value: number | null;
};

export type Resolution =
  | { kind: 'resolved'; target: Target; readiness: { stable: Readiness; canary: Readiness } }
  | { kind: 'missing' }
  | { kind: 'shape'; fault: ShapeFault }
  | MeshFailure;

/** A weight to write. `end` restores the form of the weights as they stood before the rollout. */
export type WeightWrite = { share: Share; rolloutId: string; epoch: number; end: boolean };

export type WriteOutcome =
  | { kind: 'applied'; canaryShare: Share }
  /** Somebody wrote since the snapshot was taken: read again. */
  | { kind: 'conflict' }
  | { kind: 'missing' }
  /** No answer, or a broken one: the write may or may not have been applied. */
  | { kind: 'ambiguous'; why: string }
  | MeshFailure;

/** The mesh. Every call ends when `signal` aborts and then answers `unavailable` or `ambiguous`; none throws for what a mesh may answer. */
export interface Mesh {
  /** Reads a requested target and gives the roles: stable holds the whole share, canary holds 0. */
  resolve(request: TargetRequest, signal: AbortSignal): Promise<Resolution>;
  look(target: Target, signal: AbortSignal): Promise<MeshView>;
  /** One conditional patch on top of `view`: weights and canaryd's annotations, nothing else. */
  write(target: Target, view: SplitView, write: WeightWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** The changes that exactly these writes would make, in order, from weights at rest; touches nothing. */
  preview(
    request: TargetRequest,
    writes: Pick<WeightWrite, 'share' | 'end'>[],
    signal: AbortSignal,
  ): Promise<{ kind: 'preview'; changes: WeightChange[][] } | Exclude<Resolution, { kind: 'resolved' }>>;
}

export type MeasureRequest = {
  target: Target;
  checks: Record<string, Check>;
  /** The instant at which every query is evaluated. */
  at: Millis;
  /** Seconds that `increments` cover, ending at `at`; 0 asks for none. */
  incrementSeconds: number;
};

/** The metrics provider. Answers, never throws: an outage is `unavailable` in every reading. */
export interface Metrics {
  /** Seconds between two scrapes; evidence needs one more than its window. */
  readonly scrapeSeconds: number;
  measure(request: MeasureRequest, signal: AbortSignal): Promise<Measurements>;
}

/** A claimed turn: `epoch` is the fencing token, `now` PostgreSQL's clock at the claim. */
export type Claim = { rollout: Rollout; epoch: number; now: Millis };

/** What a write to the store carries; one transaction. */
export type Change = {
  rollout: Rollout;
  events: AuditEvent[];
  measurements: Measurements | null;
  /** When the next turn is due; null ends the rollout. */
  nextAt: Millis | null;
  /** True gives the lease back. */
  release: boolean;
};

export interface Store {
  /** Takes the lease and raises the epoch, or null when it is not due, ended, or leased by another worker. */
  claim(id: string, worker: string, leaseSeconds: number): Promise<Claim | null>;
  /** Writes only while `epoch` is still the newest one; answers PostgreSQL's clock or that the turn is fenced. */
  save(
    id: string,
    epoch: number,
    change: Change,
  ): Promise<{ kind: 'saved'; now: Millis } | { kind: 'fenced' }>;
  /** Ids that are due and not leased, the longest due first. */
  due(limit: number): Promise<string[]>;
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
  change: { rollout: Rollout; events: AuditEvent[]; nextAt: Millis | null } | null;
  answer: Answer;
  remember: Remembered | null;
};

/** What the service needs beyond a turn. */
export interface Rollouts {
  /**
   * Inserts a rollout, its first audit rows and the remembered answer in one transaction and wakes all workers.
   * `taken` names the live rollout that holds the VirtualService; `answeredBefore` means that the key was used by
   * a request that ran at the same time.
   */
  create(
    rollout: Rollout,
    events: AuditEvent[],
    remember: Remembered | null,
  ): Promise<{ kind: 'created' } | { kind: 'taken'; by: string } | { kind: 'answeredBefore' }>;
  /**
   * Locks the row, lets `act` decide, writes its change with epoch+1, no lease and `nextAt`, and wakes all workers.
   * `unknown` when there is no such rollout.
   */
  command<Answer>(
    id: string,
    act: (rollout: Rollout, now: Millis) => CommandChange<Answer>,
  ): Promise<{ kind: 'answered'; answer: Answer } | { kind: 'unknown' } | { kind: 'answeredBefore' }>;
  /** The answer kept for this key in the last 7 days, or null. */
  recall(
    key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
  ): Promise<Pick<Remembered, 'fingerprint' | 'status' | 'body'> | null>;
  find(id: string): Promise<{ rollout: Rollout; nextAt: Millis | null; now: Millis } | null>;
  /** Newest first. */
  list(query: RolloutQuery): Promise<Rollout[]>;
  /** One rollout's audit rows in their order. */
  events(id: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  /** All audit rows that match, in the order of their number. */
  audit(query: AuditQuery): Promise<AuditRow[]>;
  now(): Promise<Millis>;
}

export type RolloutQuery = {
  statuses?: string[];
  namespace?: string;
  virtualService?: string;
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

/** An alarm clock that may ring late, twice or never. Never throws; a lost alarm costs seconds. */
export interface Alarm {
  ring(id: string, at: Millis, now: Millis): Promise<void>;
}
