import type { Measurements } from '../../src/analysis/reading.ts';
import { AppError, UnreadableRollout } from '../../src/errors.ts';
import type { AuditEvent, AuditRow } from '../../src/rollout/audit.ts';
import { type Names, namesIn, sharesObject } from '../../src/rollout/names.ts';
import type { Judged, MeasuredPoll, PlacedRow } from '../../src/rollout/ports/live.ts';
import type { MeshName } from '../../src/rollout/ports/mesh.ts';
import type {
  AuditQuery,
  Change,
  CommandChange,
  FailedTurn,
  FailureRecord,
  FoundRollout,
  Remembered,
  RolloutEntry,
  RolloutQuery,
  Rollouts,
  RowFacts,
  Store,
  Trouble,
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
  trouble: Trouble;
  /** What a version that cannot read the document still sees of it; null while it can be read. */
  spoilt: Omit<RowFacts, 'trouble'> | null;
};

const noTrouble: Trouble = { failures: 0, why: null, quarantinedAt: null };

type Key = Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>;

export interface MemoryStore extends Store, Rollouts {
  /** How often each rollout was measured. */
  measurementsOf(rolloutId: string): number;
  /** Makes a rollout one that this version cannot read. */
  spoil(rolloutId: string): void;
  /** What stands in a row, as text. */
  documentOf(rolloutId: string): string;
  /** Every rollout's epoch, for a simulation's invariants. */
  epochOf(rolloutId: string): number;
}

/** The store in memory. No method waits for anything, so that a simulation decides alone what happens when. */
export function memoryStore(options: MemoryStoreOptions): MemoryStore {
  const memory = new Memory(options);
  return {
    claim: async (id, _worker, leaseSeconds) => memory.claim(id, leaseSeconds),
    save: async (id, epoch, change) => memory.save(id, epoch, change),
    fail: async (id, epoch, judge) => memory.fail(id, epoch, judge),
    due: async (limit, except) => memory.due(limit, except),
    now: async () => memory.now(),
    create: async (rollout, events, remember) => memory.create(rollout, events, remember),
    command: async (id, act) => memory.command(id, act),
    recall: async (key) => memory.recall(key),
    find: async (id) => memory.find(id),
    list: async (query) =>
      memory.entries(query).flatMap((entry) => (entry.kind === 'rollout' ? [entry.rollout] : [])),
    entries: async (query) => memory.entries(query),
    quarantined: async () => memory.quarantined(),
    namesakes: async (names) => memory.namesakes(names),
    liveIn: async (scope) => memory.liveIn(scope),
    events: async (id, afterSeq, limit) => memory.events(id, afterSeq, limit),
    audit: async (query) => memory.searchAudit(query),
    live: memoryLive({
      rows: () => memory.placed(),
      polls: (id) => [...(memory.measurements.get(id)?.values() ?? [])],
      now: () => memory.now(),
    }),
    measurementsOf: (id) => memory.measurements.get(id)?.size ?? 0,
    spoil: (id) => memory.spoil(id),
    documentOf: (id) => memory.rows.get(id)?.document ?? '',
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
    row.epoch += 1;
    if (row.spoilt !== null) this.#options.onWake?.(id);
    const rollout = rolloutIn(row);
    row.leaseUntil = this.now() + leaseSeconds * 1000;
    return { rollout, epoch: row.epoch, now: this.now(), order: null, trouble: row.trouble };
  }

  save(id: string, epoch: number, change: Change): Awaited<ReturnType<Store['save']>> {
    const row = this.rows.get(id);
    if (row === undefined) return { kind: 'fenced' };
    if (this.#options.fence !== false && row.epoch !== epoch) return { kind: 'fenced' };
    const before = rolloutIn(row);
    const by = isScheduled(before) && !isScheduled(change.rollout) ? this.#liveOn(change.rollout) : null;
    if (by !== null) return { kind: 'taken', by };
    this.#write(row, change.rollout, change.nextAt);
    if (change.release) Object.assign(row, { leaseUntil: null, trouble: noTrouble });
    if (change.raiseTo !== undefined) row.epoch = change.raiseTo;
    this.#append(id, row, change.events);
    const { rollout, measurements } = change;
    if (measurements !== null && !isScheduled(before) && !isScheduled(rollout))
      this.#keep(before, rollout, measurements);
    return { kind: 'saved', now: this.now() };
  }

  fail(
    id: string,
    epoch: number | null,
    judge: (turn: FailedTurn) => FailureRecord | null,
  ): FailureRecord | null {
    const row = this.rows.get(id);
    if (row === undefined || row.nextAt === null) return null;
    const isOurs = epoch === null ? !this.#isLeased(row) : row.epoch === epoch;
    if (!isOurs) return null;
    const rollout = row.spoilt === null ? rolloutIn(row) : null;
    const record = judge({ row: factsOf(row), rollout, dueAt: row.nextAt, now: this.now() });
    if (record === null) return null;
    row.trouble = record.trouble;
    row.leaseUntil = null;
    row.nextAt = record.nextAt ?? row.nextAt;
    this.#append(id, row, record.events);
    return record;
  }

  quarantined(): number {
    return [...this.rows.values()].filter(
      ({ nextAt, trouble }) => nextAt !== null && trouble.quarantinedAt !== null,
    ).length;
  }

  spoil(id: string): void {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`${id} is not there`);
    row.spoilt = factsOf(row);
    row.document = JSON.stringify({ ...JSON.parse(row.document), learnedLater: 1 });
  }

  due(limit: number, except: readonly string[] = []): string[] {
    const due = [...this.rows].filter(([id, row]) => this.#isFree(row) && !except.includes(id));
    due.sort(([, left], [, right]) => (left.nextAt ?? 0) - (right.nextAt ?? 0));
    const back = due.filter(([, row]) => factsOf(row).status === 'rolling_back');
    return [...new Set([...back, ...due])].slice(0, limit).map(([id]) => id);
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
    const fresh = { epoch: 0, leaseUntil: null, lastSeq: 0, trouble: noTrouble, spoilt: null };
    const row = { document: documentOf(rollout), nextAt, ...fresh };
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

  find(id: string): FoundRollout | null {
    const row = this.rows.get(id);
    if (row === undefined) return null;
    return { rollout: rolloutIn(row), nextAt: row.nextAt, now: this.now(), trouble: row.trouble };
  }

  namesakes(names: Names): StoredRollout[] {
    return [...this.rows.values()]
      .filter((row) => row.nextAt !== null && sharesObject(namesOf(row), names))
      .map(rolloutIn)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  entries(query: RolloutQuery): RolloutEntry[] {
    const { statuses, namespace, virtualService, moving, beforeId, limit } = query;
    const isMeant = (name: MeshName) =>
      (namespace === undefined || name.namespace === namespace) &&
      (virtualService === undefined || name.virtualService === virtualService);
    return [...this.rows]
      .filter(([id]) => beforeId === undefined || id < beforeId)
      .map(([, row]) => ({ row, facts: factsOf(row) }))
      .filter(({ facts }) => statuses === undefined || statuses.includes(facts.status))
      .filter(({ row }) => namesIn(namesOf(row)).some(isMeant))
      .filter(({ row }) => moving === undefined || sharesObject(namesOf(row), moving))
      .sort((left, right) => (left.facts.id < right.facts.id ? 1 : -1))
      .slice(0, limit)
      .map(({ row, facts }) => entryOf(row, facts));
  }

  liveIn({ cluster, namespace }: Parameters<Rollouts['liveIn']>[0]): string[] {
    return [...this.rows.values()]
      .filter((row) => row.nextAt !== null)
      .filter((row) =>
        namesIn(namesOf(row)).some(
          (name) =>
            (cluster === null || name.cluster === cluster) &&
            (namespace === null || name.namespace === namespace),
        ),
      )
      .map((row) => factsOf(row).id)
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
    return row.nextAt !== null && row.nextAt <= this.now() && !this.#isLeased(row);
  }

  #isLeased({ leaseUntil }: Row): boolean {
    return leaseUntil !== null && leaseUntil >= this.now();
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
    if (ended) Object.assign(row, { leaseUntil: null, trouble: noTrouble });
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

  #keep(before: Rollout, { id, traffic, watch }: Rollout, { takenAt, checks, counters }: Measurements): void {
    const polls = this.measurements.get(id) ?? new Map<Millis, MeasuredPoll>();
    this.measurements.set(id, polls);
    const judged = Object.entries(checks).map(([check, readings]) => {
      const result = watch.results[check];
      return [check, { ...readings, judged: result?.at === takenAt ? judgedOf(result) : null }];
    });
    const verdict = counters?.kind === 'counters' ? (watch.judge?.verdict ?? null) : null;
    const poll = { step: positionOf(before.state)?.step ?? null, share: traffic.applied, verdict };
    if (!polls.has(takenAt)) polls.set(takenAt, { at: takenAt, ...poll, checks: Object.fromEntries(judged) });
  }

  /** Every audit row with the place that its rollout moves. */
  placed(): PlacedRow[] {
    return this.audit.map((row) => {
      const stored = row.rolloutId === null ? undefined : this.rows.get(row.rolloutId);
      if (stored === undefined) return { ...row, namespace: null, virtualService: null };
      const { namespace, virtualService } = factsOf(stored);
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

/** What a row moves, as a database takes it out of the document itself, whoever can read that. */
function namesOf(row: Row): Names {
  return JSON.parse(row.document).target;
}

/** Read with a schema only where it cannot be: a simulation reads each row thousands of times. */
function rolloutIn(row: Row): StoredRollout {
  if (row.spoilt === null) return JSON.parse(row.document);
  const cause = new AppError('corruptRow', `rollout ${row.spoilt.id} cannot be understood`);
  throw new UnreadableRollout(factsOf(row), cause);
}

function factsOf(row: Row): RowFacts {
  const { trouble, spoilt } = row;
  if (spoilt !== null) return { ...spoilt, trouble };
  const rollout = rolloutIn(row);
  const { cluster, namespace, virtualService } = rollout.target;
  return { id: rollout.id, status: statusOf(rollout), cluster, namespace, virtualService, trouble };
}

function entryOf(row: Row, facts: RowFacts): RolloutEntry {
  return row.spoilt === null
    ? { kind: 'rollout', rollout: rolloutIn(row), trouble: row.trouble }
    : { kind: 'unreadable', row: facts };
}

function keyText({ principal, method, path, key }: Key): string {
  return JSON.stringify([principal, method, path, key]);
}
