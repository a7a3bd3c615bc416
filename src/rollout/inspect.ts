import { allChecks } from '../readiness/all-checks.ts';
import type { Check } from '../readiness/check.ts';
import { rule, summaryOf } from '../readiness/policy.ts';
import { runChecks } from '../readiness/run-checks.ts';
import type { Callee, Caller, Fact, FactName, Lock, Snapshot, StandingHold } from '../readiness/snapshot.ts';
import { clusterFacts, metricsFacts } from '../readiness/sources.ts';
import { asksNothing } from './evidence.ts';
import { judgeAsks } from './judging.ts';
import { isMirroring } from './managed.ts';
import { errorBudgetsOf, policyOf } from './plan-readiness.ts';
import type { MeasureRequest, Metrics, MetricsSurvey } from './ports/metrics.ts';
import type { Surroundings } from './ports/readiness.ts';
import type { HoldOrder, Rollouts } from './ports/store.ts';
import type { ReadinessReport } from './readiness-report.ts';
import { subjectOf, surveyFact } from './readiness-subject.ts';
import { begunAt, isScheduled, type Rollout, type StoredRollout } from './rollout.ts';
import * as say from './say.ts';
import type { Millis, Share } from './units.ts';

/** What whoever asks has read already. */
export type Known = {
  survey: Promise<MetricsSurvey | null>;
  /** The widest hold order over the target, or none. */
  order: HoldOrder | null;
  now: Millis;
  /** Milliseconds for which the metrics, and then the mesh, may be read. */
  readMs: number;
  /**
   * The share that is going to be written, in percent: then only the checks are asked whose answers can change from one
   * minute to the next. Absent before the start.
   */
  raiseTo?: Share;
};

export type InspectDeps = {
  surroundings: Surroundings;
  rollouts: Pick<Rollouts, 'namesakes'>;
  deadline: (ms: number) => AbortSignal;
};

/**
 * Reads the surroundings of a target and judges them by all checks, under the policy of the plan. Nothing is written.
 * What cannot be read is unknown in the report; nothing is thrown for what an outside may answer.
 */
export async function inspect(deps: InspectDeps, rollout: Rollout, known: Known): Promise<ReadinessReport> {
  const checks = checksFor(known);
  const snapshot = await snapshotOf(deps, rollout, { ...known, wanted: factsFor(checks) });
  const rulings = rule(runChecks(checks, snapshot), policyOf(rollout.plan), waivedAt(rollout, known));
  return { at: known.now, rulings, summary: summaryOf(rulings) };
}

/** Reads what the checks judge; what cannot be read says so in its fact. */
export async function snapshotOf(
  deps: InspectDeps,
  rollout: Rollout,
  known: Known & { wanted: ReadonlySet<FactName> },
): Promise<Snapshot> {
  const { surroundings, rollouts, deadline } = deps;
  const { target, plan } = rollout;
  const { wanted, now } = known;
  const errorBudgets = errorBudgetsOf(plan);
  const ofMetrics = { target, now, errorBudgets, wanted: among(metricsFacts, wanted) };
  const [metrics, survey] = await Promise.all([
    surroundings.ofMetrics(ofMetrics, deadline(known.readMs)),
    known.survey,
  ]);
  const callees = namespacesOf(metrics.callees);
  const callers = callersIn(metrics.callers);
  const ofCluster = { target, callees, callers, wanted: among(clusterFacts, wanted) };
  const cluster = await surroundings.ofCluster(ofCluster, deadline(known.readMs));
  return {
    at: known.now,
    subject: subjectOf(rollout, known.raiseTo),
    split: { kind: 'read', value: { kind: 'ready' } },
    locks: { kind: 'read', value: locksOf(rollout, await rollouts.namesakes(target)) },
    holds: { kind: 'read', value: known.order === null ? [] : [standingHold(known.order)] },
    survey: surveyFact(rollout, survey),
    ...metrics,
    ...cluster,
  };
}

/** What these checks need to know. */
export function factsFor(checks: readonly Check[]): ReadonlySet<FactName> {
  const needed = new Set(checks.flatMap(({ needs }) => needs));
  // Whose policies are read depends on what stable calls.
  return needed.has('authorizationPolicies') ? needed.add('callees') : needed;
}

function among<Name extends FactName>(names: readonly Name[], wanted: ReadonlySet<FactName>): Set<Name> {
  return new Set(names.filter((name) => wanted.has(name)));
}

function checksFor({ raiseTo }: Known): readonly Check[] {
  return raiseTo === undefined ? allChecks : allChecks.filter((check) => check.again);
}

/** A waiver that held at the start holds to the end: nobody could give a rollout that has begun another one. */
function waivedAt(rollout: Rollout, { raiseTo, now }: Known): Millis {
  return raiseTo === undefined ? now : begunAt(rollout);
}

function namespacesOf(callees: Fact<Callee[]>): string[] {
  if (callees.kind === 'unread') return [];
  const namespaces = callees.value.flatMap(({ service }) => service?.namespace ?? []);
  return [...new Set(namespaces)].toSorted();
}

/** The metrics name a sender that they do not know `unknown`. */
function callersIn(callers: Fact<Caller[]>): string[] {
  if (callers.kind === 'unread') return [];
  const known = callers.value.filter(({ namespace }) => namespace !== 'unknown');
  const most = known.toSorted((one, other) => other.requestsPerSecond - one.requestsPerSecond);
  return [...new Set(most.map(({ namespace }) => namespace))];
}

/** Those of canaryd's own database; others are told by the annotation. */
function locksOf(rollout: Rollout, namesakes: readonly StoredRollout[]): Lock[] {
  return namesakes
    .filter((one) => !isScheduled(one))
    .map(({ id, createdAt }) => ({ rolloutId: id, live: true, since: createdAt, isOwn: id === rollout.id }));
}

function standingHold({ id, by, reason, ...scope }: HoldOrder): StandingHold {
  return { id, scope: say.scope(scope), by: by.name, reason };
}

/** The checks of the plan asked of stable; null where the plan asks nothing. */
export function surveyOf(
  { metrics, deadline }: { metrics: Metrics; deadline: InspectDeps['deadline'] },
  rollout: Rollout,
  { now, readMs }: Pick<Known, 'now' | 'readMs'>,
): Promise<MetricsSurvey | null> {
  if (asksNothing(rollout)) return Promise.resolve(null);
  return metrics.survey(questionFor(rollout, now), deadline(readMs));
}

/** A poll as a turn asks for it; its increments span one interval, or the two scrapes that they need. */
function questionFor(rollout: Rollout, at: Millis): MeasureRequest {
  const { target, plan, scrapeSeconds } = rollout;
  const seconds = Math.max(plan.interval, 2 * scrapeSeconds);
  const asked = { target, checks: plan.checks, at, incrementSeconds: seconds };
  return { ...asked, mirrored: isMirroring(rollout), ...judgeAsks(rollout) };
}
