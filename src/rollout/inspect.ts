import { allChecks } from '../readiness/all-checks.ts';
import type { Check } from '../readiness/check.ts';
import { rule, summaryOf } from '../readiness/policy.ts';
import { runChecks } from '../readiness/run-checks.ts';
import type { Callee, Fact, Lock, Snapshot } from '../readiness/snapshot.ts';
import { asksNothing } from './evidence.ts';
import { isMirroring } from './managed.ts';
import { policyOf } from './plan-readiness.ts';
import type { MeasureRequest, Metrics, MetricsSurvey } from './ports/metrics.ts';
import type { Surroundings } from './ports/readiness.ts';
import type { Rollouts } from './ports/store.ts';
import type { ReadinessReport } from './readiness-report.ts';
import { subjectOf, surveyFact } from './readiness-subject.ts';
import { begunAt, isScheduled, type Rollout, type StoredRollout } from './rollout.ts';
import type { Millis, Share } from './units.ts';

/** What whoever asks has read already. */
export type Known = {
  survey: Promise<MetricsSurvey | null>;
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
  const snapshot = await snapshotOf(deps, rollout, known);
  const rulings = rule(
    runChecks(checksFor(known), snapshot),
    policyOf(rollout.plan),
    waivedAt(rollout, known),
  );
  return { at: known.now, rulings, summary: summaryOf(rulings) };
}

/** Reads what the checks judge; what cannot be read says so in its fact. */
export async function snapshotOf(
  { surroundings, rollouts, deadline }: InspectDeps,
  rollout: Rollout,
  known: Known,
): Promise<Snapshot> {
  const { target } = rollout;
  const [metrics, survey] = await Promise.all([
    surroundings.ofMetrics(target, known.now, deadline(known.readMs)),
    known.survey,
  ]);
  const callees = namespacesOf(metrics.callees);
  const cluster = await surroundings.ofCluster(target, callees, deadline(known.readMs));
  return {
    at: known.now,
    subject: subjectOf(rollout, known.raiseTo),
    split: { kind: 'read', value: { kind: 'ready' } },
    locks: { kind: 'read', value: locksOf(rollout, await rollouts.namesakes(target)) },
    survey: surveyFact(rollout, survey),
    ...metrics,
    ...cluster,
  };
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

/** Those of canaryd's own database; others are told by the annotation. */
function locksOf(rollout: Rollout, namesakes: readonly StoredRollout[]): Lock[] {
  return namesakes
    .filter((one) => !isScheduled(one))
    .map(({ id, createdAt }) => ({ rolloutId: id, live: true, since: createdAt, isOwn: id === rollout.id }));
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
  return { target, checks: plan.checks, at, incrementSeconds: seconds, mirrored: isMirroring(rollout) };
}
