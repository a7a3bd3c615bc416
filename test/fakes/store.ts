import type { Measurements } from '../../src/analysis/reading.ts';
import type { AuditEvent, AuditRow } from '../../src/rollout/audit.ts';
import type { Judged, MeasuredPoll, PlacedRow } from '../../src/rollout/ports/live.ts';
import type { MeshName } from '../../src/rollout/ports/mesh.ts';
import type {
  AuditQuery,
  Change,
  CommandChange,
  Remembered,
  RolloutQuery,
  Rollouts,
  Store,
} from '../../src/rollout/ports/store.ts';
import {
  type CheckResult,
  hasEnded,
  isScheduled,
  type Rollout,
  type StoredRollout,
  statusOf,
} from '../../src/rollout/rollout.ts';
import { dueAt } from '../../src/rollout/scheduled.ts';
import { positionOf } from '../../src/rollout/state.ts';
import type { Millis } from '../../src/rollout/units.ts';
import { jsonText, storable } from '../../src/store/json-text.ts';
import { documentOf } from '../../src/store/rows.ts';
import { memoryLive } from './live.ts';

const sevenDaysMs = 7 * 86_400_000;

export type MemoryStoreOptions = {
  /** The clock that stands for PostgreSQL's. */
  now: () => Millis;
  /** False lets a stale turn write: it exists to show that the fence is needed. */
  fence?: boolean;
  /** Called where PostgreSQL would notify all workers. */
  onWake?: (rolloutId: string) => void;
};

type Row = {
  /** JSON, as the database holds it: nobody can change what was written by keeping a reference. */
  document: string;
  epoch: number;
  leaseUntil: Millis | null;
  nextAt: Millis | null;
  lastSeq: number;
};

type Key = Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>;

export interface MemoryStore extends Store, Rollouts {
  /** How often each rollout was measured. */
  measurementsOf(rolloutId: string): number;
  /** Every rollout's epoch, for a simulation's invariants. */
  epochOf(rolloutId: string): number;
}

/** The store in memory. No method waits for anything, so that a simulation decides alone what happens when. */
export function memoryStore(options: MemoryStoreOptions): MemoryStore {
  const memory = new Memory(options);
  return {
    claim: async (id, _worker, leaseSeconds) => memory.claim(id, leaseSeconds),
    save: async (id, epoch, change) => memory.save(id, epoch, change),
    due: async (limit) => memory.due(limit),
    now: async () => memory.now(),
    create: async (rollout, events, remember) => memory.create(rollout, events, remember),
    command: async (id, act) => memory.command(id, act),
    recall: async (key) => memory.recall(key),
    find: async (id) => memory.find(id),
    list: async (query) => memory.list(query),
    namesakes: async (name) => memory.namesakes(name),
    liveIn: async (scope) => memory.liveIn(scope),
    events: async (id, afterSeq, limit) => memory.events(id, afterSeq, limit),
    audit: async (query) => memory.searchAudit(query),
    live: memoryLive({
      rows: () => memory.placed(),
      polls: (id) => [...(memory.measurements.get(id)?.values() ?? [])],
      now: () => memory.now(),
    }),
    measurementsOf: (id) => memory.measurements.get(id)?.size ?? 0,
    epochOf: (id) => memory.rows.get(id)?.epoch ?? 0,
  };
}

class Memory {
  readonly rows = new Map<string, Row>();
  readonly audit: AuditRow[] = [];
  readonly answers = new Map<string, Remembered & { at: Millis }>();
  readonly measurements = new Map<string, Map<Millis, MeasuredPoll>>();
  readonly #options: MemoryStoreOptions;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  now(): Millis {
    return this.#options.now();
  }

  claim(id: string, leaseSeconds: number): Awaited<ReturnType<Store['claim']>> {
    const row = this.rows.get(id);
    if (row === undefined || !this.#isFree(row)) return null;
    const rollout = rolloutIn(row);
    row.epoch += 1;
    row.leaseUntil = this.now() + leaseSeconds * 1000;
    return { rollout, epoch: row.epoch, now: this.now(), order: null };
  }

  save(id: string, epoch: number, change: Change): Awaited<ReturnType<Store['save']>> {
    const row = this.rows.get(id);
    if (row === undefined) return { kind: 'fenced' };
    if (this.#options.fence !== false && row.epoch !== epoch) return { kind: 'fenced' };
    const before = rolloutIn(row);
    const by = isScheduled(before) && !isScheduled(change.rollout) ? this.#liveOn(change.rollout) : null;
    if (by !== null) return { kind: 'taken', by };
    this.#write(row, change.rollout, change.nextAt);
    if (change.release) row.leaseUntil = null;
    this.#append(id, row, change.events);
    const { rollout, measurements } = change;
    if (measurements !== null && !isScheduled(before) && !isScheduled(rollout))
      this.#keep(before, rollout, measurements);
    return { kind: 'saved', now: this.now() };
  }

  due(limit: number): string[] {
    const due = [...this.rows].filter(([, row]) => this.#isFree(row));
    due.sort(([, left], [, right]) => (left.nextAt ?? 0) - (right.nextAt ?? 0));
    return due.slice(0, limit).map(([id]) => id);
  }

  create(
    rollout: StoredRollout,
    events: AuditEvent[],
    remember: Remembered | null,
  ): Awaited<ReturnType<Rollouts['create']>> {
    if (remember !== null && this.recall(remember) !== null) return { kind: 'answeredBefore' };
    const by = isScheduled(rollout) ? null : this.#liveOn(rollout);
    if (by !== null) return { kind: 'taken', by };
    const nextAt = isScheduled(rollout) ? dueAt(rollout) : this.now();
    const row = { document: documentOf(rollout), epoch: 0, leaseUntil: null, nextAt, lastSeq: 0 };
    this.rows.set(rollout.id, row);
    this.#append(rollout.id, row, events);
    this.#remember(remember);
    this.#options.onWake?.(rollout.id);
    return { kind: 'created' };
  }

  command<Answer>(
    id: string,
    act: (rollout: StoredRollout, now: Millis) => CommandChange<Answer>,
  ): { kind: 'answered'; answer: Answer } | { kind: 'unknown' } | { kind: 'answeredBefore' } {
    const row = this.rows.get(id);
    if (row === undefined) return { kind: 'unknown' };
    const { change, answer, remember } = act(rolloutIn(row), this.now());
    if (change === null) return { kind: 'answered', answer };
    if (remember !== null && this.recall(remember) !== null) return { kind: 'answeredBefore' };
    this.#write(row, change.rollout, change.nextAt);
    row.epoch += 1;
    row.leaseUntil = null;
    this.#append(id, row, change.events);
    this.#remember(remember);
    this.#options.onWake?.(id);
    return { kind: 'answered', answer };
  }

  recall(key: Key): Awaited<ReturnType<Rollouts['recall']>> {
    const kept = this.answers.get(keyText(key));
    if (kept === undefined || kept.at < this.now() - sevenDaysMs) return null;
    return { fingerprint: kept.fingerprint, status: kept.status, body: kept.body };
  }

  find(id: string): Awaited<ReturnType<Rollouts['find']>> {
    const row = this.rows.get(id);
    if (row === undefined) return null;
    return { rollout: rolloutIn(row), nextAt: row.nextAt, now: this.now() };
  }

  namesakes(name: MeshName): StoredRollout[] {
    return [...this.rows.values()]
      .filter((row) => row.nextAt !== null)
      .map(rolloutIn)
      .filter(({ target }) => isSamePlace(target, name))
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  list(query: RolloutQuery): StoredRollout[] {
    const { statuses, namespace, virtualService, beforeId, limit } = query;
    return [...this.rows]
      .filter(([id]) => beforeId === undefined || id < beforeId)
      .map(([, row]) => rolloutIn(row))
      .filter((rollout) => statuses === undefined || statuses.includes(statusOf(rollout)))
      .filter(({ target }) => namespace === undefined || target.namespace === namespace)
      .filter(({ target }) => virtualService === undefined || target.virtualService === virtualService)
      .sort((left, right) => (left.id < right.id ? 1 : -1))
      .slice(0, limit);
  }

  liveIn({ cluster, namespace }: Parameters<Rollouts['liveIn']>[0]): string[] {
    return [...this.rows.values()]
      .map(rolloutIn)
      .filter((rollout) => !hasEnded(rollout))
      .filter(({ target }) => cluster === null || target.cluster === cluster)
      .filter(({ target }) => namespace === null || target.namespace === namespace)
      .map(({ id }) => id)
      .sort()
      .reverse();
  }

  events(id: string, afterSeq: number, limit: number): AuditRow[] {
    return this.audit.filter((row) => row.rolloutId === id && row.seq > afterSeq).slice(0, limit);
  }

  searchAudit(query: AuditQuery): AuditRow[] {
    const { rolloutId, actor, type, afterNumber = 0, since = 0, until = Number.POSITIVE_INFINITY } = query;
    return this.audit
      .filter((row) => rolloutId === undefined || row.rolloutId === rolloutId)
      .filter((row) => actor === undefined || row.actor.name === actor)
      .filter((row) => type === undefined || row.type === type)
      .filter((row) => row.number > afterNumber && row.at >= since && row.at < until)
      .slice(0, query.limit);
  }

  #isFree(row: Row): boolean {
    if (row.nextAt === null || row.nextAt > this.now()) return false;
    return row.leaseUntil === null || row.leaseUntil < this.now();
  }

  #liveOn({ target }: StoredRollout): string | null {
    return this.namesakes(target).find((other) => !isScheduled(other))?.id ?? null;
  }

  #write(row: Row, rollout: StoredRollout, nextAt: Millis | null): void {
    const ended = nextAt === null || hasEnded(rollout);
    if (ended !== hasEnded(rollout)) throw new Error(`${rollout.id}: only a terminal state ends a rollout`);
    if (row.nextAt === null && statusOf(rolloutIn(row)) !== statusOf(rollout)) {
      throw new Error(`${rollout.id} has ended and never reopens`);
    }
    row.document = documentOf(rollout);
    row.nextAt = ended ? null : nextAt;
    if (ended) row.leaseUntil = null;
  }

  #append(rolloutId: string, row: Row, events: AuditEvent[]): void {
    for (const { type, actor, message, facts } of events) {
      row.lastSeq += 1;
      this.audit.push({
        type,
        actor: { kind: actor.kind, name: storable(actor.name) },
        message: storable(message),
        facts: JSON.parse(jsonText(facts)),
        number: this.audit.length + 1,
        seq: row.lastSeq,
        rolloutId,
        subject: rolloutId,
        at: this.now(),
      });
    }
  }

  #keep(before: Rollout, { id, traffic, watch }: Rollout, { takenAt, checks }: Measurements): void {
    const polls = this.measurements.get(id) ?? new Map<Millis, MeasuredPoll>();
    this.measurements.set(id, polls);
    const judged = Object.entries(checks).map(([check, readings]) => {
      const result = watch.results[check];
      return [check, { ...readings, judged: result?.at === takenAt ? judgedOf(result) : null }];
    });
    const poll = { step: positionOf(before.state)?.step ?? null, share: traffic.applied };
    if (!polls.has(takenAt)) polls.set(takenAt, { at: takenAt, ...poll, checks: Object.fromEntries(judged) });
  }

  /** Every audit row with the place that its rollout moves. */
  placed(): PlacedRow[] {
    return this.audit.map((row) => {
      const stored = row.rolloutId === null ? undefined : this.rows.get(row.rolloutId);
      if (stored === undefined) return { ...row, namespace: null, virtualService: null };
      const { namespace, virtualService } = rolloutIn(stored).target;
      return { ...row, namespace, virtualService };
    });
  }

  #remember(answer: Remembered | null): void {
    if (answer !== null) this.answers.set(keyText(answer), { ...answer, at: this.now() });
  }
}

function judgedOf({ verdict, limit, failuresInARow }: CheckResult): Judged {
  return { verdict, limit, failuresInARow };
}

function isSamePlace(one: MeshName, other: MeshName): boolean {
  return (
    one.cluster === other.cluster &&
    one.namespace === other.namespace &&
    one.virtualService === other.virtualService
  );
}

function rolloutIn(row: Row): StoredRollout {
  return JSON.parse(row.document);
}

function keyText({ principal, method, path, key }: Key): string {
  return JSON.stringify([principal, method, path, key]);
}
