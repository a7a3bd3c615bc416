import type { z } from 'zod';
import { currentStepOf, type Explanation, explain } from '../rollout/explain.ts';
import { type Check, limitIn } from '../rollout/plan-parts.ts';
import type { Trouble } from '../rollout/ports/store.ts';
import { explainQuarantine, quarantineOf } from '../rollout/quarantine.ts';
import { type CheckResult, hasEnded, isScheduled, type StoredRollout, statusOf } from '../rollout/rollout.ts';
import { exitCodeOf, statusReasonOf } from '../rollout/status-reason.ts';
import type { Millis } from '../rollout/units.ts';
import type { CheckOnWire } from './check-wire.ts';
import { judgementOf } from './judgement.ts';
import { planDigest } from './plan-digest.ts';
import { renderQuarantine } from './quarantine-wire.ts';
import { outcomeOf, shownValue } from './render-outcome.ts';
import { renderRoles, renderWeight } from './render-roles.ts';
import { unitOf } from './unit-of.ts';
import type { RolloutOnWire, RolloutSummaryOnWire, StatusAnswer } from './wire.ts';
import { timestamp } from './wire-parts.ts';

/** A rollout as it was read: `nextAt` is when its next turn is due, `now` the clock of the database. */
type Seen = { rollout: StoredRollout; nextAt: Millis | null; now: Millis; trouble: Trouble };

/** A rollout as callers see it. */
export function renderRollout(seen: Seen): RolloutOnWire {
  const { rollout, nextAt, now, trouble } = seen;
  return {
    ...renderSummary(rollout, now, trouble),
    nextAt: nextAt === null ? null : timestamp(nextAt),
    plan: renderPlan(rollout),
    checks: renderChecks(rollout),
    judgement: judgementOf(rollout),
    explanation: explainSeen(seen),
  };
}

/** A rollout as it stands in a list. */
export function renderSummary(
  rollout: StoredRollout,
  now: Millis,
  trouble: Trouble,
): z.output<typeof RolloutSummaryOnWire> {
  return {
    id: rollout.id,
    revision: rollout.revision,
    status: statusOf(rollout),
    statusReason: reasonOf(rollout, trouble),
    ...renderRoles(rollout),
    step: currentStepOf(rollout),
    requestedBy: rollout.requestedBy,
    reason: rollout.reason,
    createdAt: timestamp(rollout.createdAt),
    allowedActions: explain(rollout, null, now).actions,
    outcome: outcomeOf(rollout),
    quarantine: renderQuarantine(trouble),
    links: linksOf(rollout.id),
  };
}

/** The plan that a rollout follows, with the version it is a copy of. */
export function renderPlan({
  plan,
  planVersion,
}: Pick<StoredRollout, 'plan' | 'planVersion'>): RolloutOnWire['plan'] {
  return { ...plan, version: planVersion, digest: planDigest(plan) };
}

/** The one small object for pipelines; `exitOnPause` makes a pause an end of waiting (exit code 9). */
export function renderStatus(seen: Seen, exitOnPause: boolean): z.output<typeof StatusAnswer> {
  const { rollout, trouble } = seen;
  const explanation = explainSeen(seen);
  const paused = exitOnPause && rollout.state.kind === 'paused';
  return {
    id: rollout.id,
    revision: rollout.revision,
    status: statusOf(rollout),
    statusReason: reasonOf(rollout, trouble),
    terminal: hasEnded(rollout),
    exitCode: paused ? 9 : codeOf(rollout, trouble),
    summary: `${explanation.what} ${explanation.traffic}`,
    explanation,
    quarantine: renderQuarantine(trouble),
    weight: renderWeight(rollout),
    checks: renderChecks(rollout),
    judgement: judgementOf(rollout),
    allowedActions: explanation.actions,
  };
}

/** A quarantine needs a person, whatever the rollout itself says. */
const needsPerson = 10;

function codeOf(rollout: StoredRollout, trouble: Trouble): number {
  return quarantineOf(trouble) === null ? exitCodeOf(rollout) : needsPerson;
}

function reasonOf(rollout: StoredRollout, trouble: Trouble): RolloutOnWire['statusReason'] {
  return quarantineOf(trouble) === null ? statusReasonOf(rollout) : 'quarantined';
}

function explainSeen({ rollout, nextAt, now, trouble }: Seen): Explanation {
  if (quarantineOf(trouble) === null) return explain(rollout, nextAt, now);
  const { cluster, namespace, virtualService } = rollout.target;
  const row = { id: rollout.id, status: statusOf(rollout), cluster, namespace, virtualService, trouble };
  return explainQuarantine(row, rollout, nextAt, now);
}

/** The path of a rollout: relative, so that a client never sends its token to another host. */
export function pathTo(id: string): string {
  return `/v1/rollouts/${id}`;
}

function linksOf(id: string): RolloutOnWire['links'] {
  const self = pathTo(id);
  return {
    self,
    status: `${self}/status`,
    events: `${self}/events`,
    measurements: `${self}/measurements`,
    judgements: `${self}/judgements`,
    approvals: `${self}/approvals`,
    audit: `/v1/audit?rolloutId=${id}`,
  };
}

type Reading = CheckResult['canary'];
type CheckAnswer = z.output<typeof CheckOnWire>;

function renderChecks(rollout: StoredRollout): CheckAnswer[] {
  const results = isScheduled(rollout) ? {} : rollout.watch.results;
  return Object.entries(rollout.plan.checks).map(([id, check]) => renderCheck(id, check, results[id]));
}

function renderCheck(id: string, check: Check, last: CheckResult | undefined): CheckAnswer {
  return {
    id,
    ...renderRule(check),
    unit: unitOf(check.metric, last === undefined ? [] : [last.canary, last.stable]),
    windowSeconds: check.window,
    failuresToRollBack: check.failures,
    ...(last === undefined ? notMeasured : renderResult(check.metric, last)),
  };
}

/** What a check asks for, and what it allows. */
export function renderRule(
  check: Check,
): Pick<
  CheckAnswer,
  'metric' | 'template' | 'breach' | 'limit' | 'minRequests' | 'mode' | 'severity' | 'fromRule'
> {
  const { metric, mode = 'enforce', severity = 'critical' } = check;
  const rule = { metric, limit: limitIn(check), mode, severity, fromRule: null };
  if (check.metric !== 'custom') {
    const { minRequests, fromRule = null } = check;
    return { ...rule, template: null, breach: 'above', minRequests, fromRule };
  }
  const breach = check.min === undefined ? 'above' : 'below';
  return { ...rule, template: check.template, breach, minRequests: null };
}

const notMeasured = {
  verdict: null,
  canary: null,
  stable: null,
  failuresInARow: 0,
  measuredAt: null,
} as const;

function renderResult(
  metric: Check['metric'],
  last: CheckResult,
): Pick<CheckAnswer, keyof typeof notMeasured> {
  return {
    verdict: last.verdict,
    canary: renderReading(metric, last.canary),
    stable: renderReading(metric, last.stable),
    failuresInARow: last.failuresInARow,
    measuredAt: timestamp(last.at),
  };
}

/** What was measured on one arm, as callers see it. */
export function renderReading(metric: Check['metric'], reading: Reading): NonNullable<CheckAnswer['canary']> {
  const empty = { value: null, requests: null, bucket: null, why: null };
  switch (reading.kind) {
    case 'value':
      return {
        kind: 'value',
        ...shownValue(metric, reading.value),
        requests: metric === 'custom' ? null : reading.requests,
        bucket: reading.bucket ?? null,
      };
    case 'none':
      return { ...empty, kind: 'none', why: 'the metrics provider has no data' };
    case 'tooFew':
      return {
        ...empty,
        kind: 'too_few',
        requests: reading.requests,
        why: `${reading.needed} requests needed`,
      };
    case 'unavailable':
      return { ...empty, kind: 'unavailable', why: reading.why };
  }
}
