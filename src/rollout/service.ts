import { type ActAnswer, act, type Remember } from './act.ts';
import type { AuditRow } from './audit.ts';
import { type ChecklistAnswer, checklist, type MutualTlsAnswer, mutualTls } from './checklist.ts';
import type { Command } from './command.ts';
import {
  type CreateRequest,
  draft,
  type PlanUnfit,
  type StartAtOutside,
  type TargetRefusal,
} from './draft.ts';
import type { LiveReads } from './ports/live.ts';
import type { AuditQuery, FoundRollout, Remembered, RolloutEntry, RolloutQuery } from './ports/store.ts';
import { type Preflight, preflight } from './preflight.ts';
import { type Preview, type PreviewDeps, preview } from './preview.ts';
import type { Actor } from './reasons.ts';
import type { TargetQuestion } from './roles-now.ts';
import type { StoredRollout } from './rollout.ts';
import { askedFor } from './say-scheduled.ts';
import { newScheduled } from './scheduled.ts';
import type { Millis } from './units.ts';

export type CreateAnswer =
  | { kind: 'created'; rollout: StoredRollout; now: Millis }
  | { kind: 'taken'; by: string }
  | { kind: 'answeredBefore' }
  | StartAtOutside
  | PlanUnfit
  | TargetRefusal;

export type ServiceDeps = PreviewDeps;

/** What faces may ask of canaryd. */
export interface RolloutService {
  create(request: CreateRequest, actor: Actor, remember: Remember | null): Promise<CreateAnswer>;
  preview(request: CreateRequest, actor: Actor): Promise<Preview>;
  /** All readiness checks, and nothing else. */
  preflight(request: CreateRequest, actor: Actor): Promise<Preflight>;
  /** The same for a target without a plan, by priority. */
  checklist(question: TargetQuestion): Promise<ChecklistAnswer>;
  mutualTls(question: TargetQuestion): Promise<MutualTlsAnswer>;
  act(id: string, command: Command, actor: Actor, remember: Remember | null): Promise<ActAnswer>;
  /** `nextAt` is when the next turn is due; `now` is PostgreSQL's clock. */
  find(id: string): Promise<FoundRollout | null>;
  /** Those that this version can read; `entries` shows the others, too. */
  list(query: RolloutQuery): Promise<{ rollouts: StoredRollout[]; now: Millis }>;
  entries(query: RolloutQuery): Promise<{ entries: RolloutEntry[]; now: Millis }>;
  events(id: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  audit(query: AuditQuery): Promise<AuditRow[]>;
  recall(
    key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
  ): Promise<Pick<Remembered, 'fingerprint' | 'status' | 'body'> | null>;
  /** For those who watch. */
  readonly live: LiveReads;
}

/** Wires the service; every answer is a value, and only a lost database throws. */
export function rolloutService(deps: ServiceDeps): RolloutService {
  const { rollouts } = deps;
  return {
    create: (request, actor, remember) => create(deps, request, actor, remember),
    preview: (request, actor) => preview(deps, request, actor),
    preflight: (request, actor) => preflight(deps, request, actor),
    checklist: (question) => checklist(deps, question),
    mutualTls: (question) => mutualTls(deps, question),
    act: (id, command, actor, remember) => act(deps, { id, command, actor, remember }),
    find: (id) => rollouts.find(id),
    list: async (query) => ({ rollouts: await rollouts.list(query), now: await rollouts.now() }),
    entries: async (query) => ({ entries: await rollouts.entries(query), now: await rollouts.now() }),
    events: (id, afterSeq, limit) => rollouts.events(id, afterSeq, limit),
    audit: (query) => rollouts.audit(query),
    recall: (key) => rollouts.recall(key),
    live: rollouts.live,
  };
}

async function create(
  deps: ServiceDeps,
  request: CreateRequest,
  actor: Actor,
  remember: Remember | null,
): Promise<CreateAnswer> {
  const drafted = await draft(deps, request, actor);
  if (drafted.kind !== 'drafted' && drafted.kind !== 'scheduled') return drafted;
  const { rollout, now } = drafted;
  const created = await writeDown(deps, rollout, remember, now);
  const isLate = created.kind === 'taken' && drafted.kind === 'drafted' && request.onConflict === 'queue';
  if (!isLate) return created;
  // Another one was faster since the draft.
  const { id, plan, planVersion, requestedBy, reason } = rollout;
  const asked = { id, plan, planVersion, requestedBy, reason, target: drafted.request };
  const obstacle = { kind: 'behind' as const, rollout: created.by };
  const queued = newScheduled({ ...asked, startAt: null, onConflict: 'queue' }, obstacle, now);
  return writeDown(deps, queued, remember, now);
}

async function writeDown(
  { rollouts }: ServiceDeps,
  rollout: StoredRollout,
  remember: Remember | null,
  now: Millis,
): Promise<Extract<CreateAnswer, { kind: 'created' | 'taken' | 'answeredBefore' }>> {
  const created = await rollouts.create(rollout, [askedFor(rollout)], remember?.(rollout, now) ?? null);
  return created.kind === 'created' ? { kind: 'created', rollout, now } : created;
}
