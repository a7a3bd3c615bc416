import { summaryOf } from '../../src/readiness/policy.ts';
import type { ActAnswer } from '../../src/rollout/act.ts';
import type { AuditRow } from '../../src/rollout/audit.ts';
import type { Command } from '../../src/rollout/command.ts';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import { forecast } from '../../src/rollout/forecast.ts';
import type { LiveReads, MeasuredPoll } from '../../src/rollout/ports/live.ts';
import type {
  AuditQuery,
  Remembered,
  RolloutQuery,
  RowFacts,
  Trouble,
} from '../../src/rollout/ports/store.ts';
import type { Preview } from '../../src/rollout/preview.ts';
import type { Actor } from '../../src/rollout/reasons.ts';
import { type Rollout, statusOf } from '../../src/rollout/rollout.ts';
import { withoutRules } from '../../src/rollout/rule-checks.ts';
import type { CreateAnswer, RolloutService } from '../../src/rollout/service.ts';
import type { Millis } from '../../src/rollout/units.ts';
import { memoryLive } from '../fakes/live.ts';
import { now, rolloutIn, running } from './rollouts.ts';

type Asked =
  | { kind: 'create'; request: CreateRequest; actor: Actor }
  | { kind: 'preview'; request: CreateRequest; actor: Actor }
  | { kind: 'act'; id: string; command: Command; actor: Actor };

/** A service in memory. What it answers to the next command can be set; what it was asked can be read. */
export type FakeService = RolloutService & {
  asked: Asked[];
  /** In place of the usual answers, until the test ends. */
  answers: { create?: CreateAnswer; preview?: Preview; act?: ActAnswer };
  rollouts: Rollout[];
  rows: AuditRow[];
  remembered: Remembered[];
  auditQueries: AuditQuery[];
  polls: MeasuredPoll[];
  /** The clock; stands still unless a test moves it. */
  now: Millis;
  /** How the turns of every rollout have failed. */
  trouble: Trouble;
  /** Rows that cannot be read; a list shows them first. */
  unreadable: RowFacts[];
  /** Thrown by every call from now on. */
  broken: Error | null;
};

/** A service that knows the given rollouts, newest first. */
export function fakeService(rollouts: Rollout[] = [rolloutIn(running)]): FakeService {
  const fake: FakeService = {
    asked: [],
    answers: {},
    rollouts,
    rows: [],
    remembered: [],
    auditQueries: [],
    polls: [],
    now,
    trouble: { failures: 0, why: null, quarantinedAt: null },
    unreadable: [],
    broken: null,
    create: async (request, actor, remember) => {
      works(fake);
      fake.asked.push({ kind: 'create', request, actor });
      if (fake.answers.create !== undefined) return fake.answers.create;
      const rollout = rolloutIn(
        { kind: 'preflight', waitingFor: null },
        {
          plan: withoutRules(request.plan),
          planVersion: request.planVersion ?? null,
          reason: request.reason,
        },
      );
      if (remember !== null) fake.remembered.push(remember(rollout, now));
      return { kind: 'created', rollout, now };
    },
    preflight: async ({ plan, planVersion = null }) => ({
      kind: 'preflight',
      rollout: rolloutIn({ kind: 'preflight', waitingFor: null }, { plan: withoutRules(plan), planVersion }),
      report: { at: now, rulings: [], summary: summaryOf([]) },
      obstacle: null,
    }),
    checklist: () => Promise.reject(new Error('no test asks for it')),
    mutualTls: () => Promise.reject(new Error('no test asks for it')),
    preview: async (request, actor) => {
      works(fake);
      fake.asked.push({ kind: 'preview', request, actor });
      return fake.answers.preview ?? previewOf(request);
    },
    act: async (id, command, actor, remember) => {
      works(fake);
      fake.asked.push({ kind: 'act', id, command, actor });
      if (fake.answers.act !== undefined) return fake.answers.act;
      const rollout = fake.rollouts.find((one) => one.id === id);
      if (rollout === undefined) return { kind: 'unknown' };
      if (remember !== null) fake.remembered.push(remember(rollout, now));
      return { kind: 'accepted', rollout, now };
    },
    find: async (id) => {
      works(fake);
      const rollout = fake.rollouts.find((one) => one.id === id);
      if (rollout === undefined) return null;
      return { rollout, nextAt: now + 4000, now, trouble: fake.trouble };
    },
    list: async (query) => {
      works(fake);
      return { rollouts: fake.rollouts.filter((one) => matches(one, query)).slice(0, query.limit), now };
    },
    entries: async (query) => {
      works(fake);
      const { trouble } = fake;
      const read = fake.rollouts.filter((one) => matches(one, query));
      const entries = [
        ...fake.unreadable.map((row) => ({ kind: 'unreadable' as const, row })),
        ...read.map((rollout) => ({ kind: 'rollout' as const, rollout, trouble })),
      ];
      return { entries: entries.slice(0, query.limit), now };
    },
    events: async (id, afterSeq, limit) => {
      works(fake);
      return fake.rows.filter((row) => row.rolloutId === id && row.seq > afterSeq).slice(0, limit);
    },
    audit: async (query) => {
      works(fake);
      fake.auditQueries.push(query);
      return fake.rows.filter((row) => row.number > (query.afterNumber ?? 0)).slice(0, query.limit);
    },
    recall: async ({ principal, method, path, key }) => {
      works(fake);
      const found = fake.remembered.find(
        (one) => one.principal === principal && one.method === method && one.path === path && one.key === key,
      );
      return found ?? null;
    },
    live: liveOf(() => fake),
  };
  return fake;
}

/** The reads of watchers, which break like all the others. */
function liveOf(fake: () => FakeService): LiveReads {
  const reads = memoryLive({
    rows: () => fake().rows.map((row) => ({ ...row, ...placeOf(fake(), row.rolloutId) })),
    polls: () => fake().polls,
    now: () => fake().now,
  });
  function working<Asked, Answer>(read: (asked: Asked) => Promise<Answer>) {
    return async (asked: Asked) => {
      works(fake());
      return read(asked);
    };
  }
  return {
    recent: working(reads.recent),
    resumePoint: working(reads.resumePoint),
    history: working(reads.history),
    measurements: working(reads.measurements),
  };
}

function placeOf({ rollouts }: FakeService, id: string | null) {
  const target = rollouts.find((rollout) => rollout.id === id)?.target;
  return { namespace: target?.namespace ?? 'payments', virtualService: target?.virtualService ?? 'unknown' };
}

function works(fake: FakeService): void {
  if (fake.broken !== null) throw fake.broken;
}

function matches(rollout: Rollout, query: RolloutQuery): boolean {
  const { statuses, namespace, virtualService, beforeId } = query;
  return (
    (statuses === undefined || statuses.includes(statusOf(rollout))) &&
    (namespace === undefined || rollout.target.namespace === namespace) &&
    (virtualService === undefined || rollout.target.virtualService === virtualService) &&
    (beforeId === undefined || rollout.id < beforeId)
  );
}

function previewOf({ plan: written, planVersion = null }: CreateRequest): Preview {
  const plan = withoutRules(written);
  const changes = [
    { op: 'replace' as const, path: '/spec/http/0/route/0/weight', from: 100, value: 95 },
    { op: 'add' as const, path: '/spec/http/0/route/1/weight', from: null, value: 5 },
  ];
  const rollout = rolloutIn({ kind: 'preflight', waitingFor: null }, { plan, planVersion });
  const survey = { kind: 'none' as const, why: 'not asked' };
  const expected = forecast({ plan, beginsAt: now, scrapeSeconds: 1, survey });
  const steps = expected.steps.map((step) => ({ ...step, changes: step.step === 0 ? changes : [] }));
  const none = {
    obstacle: null,
    order: null,
    survey: null,
    rehearsed: [],
    otherRoutes: null,
    readiness: null,
    warnings: [],
  };
  return { kind: 'preview', rollout, forecast: expected, steps, ...none };
}
