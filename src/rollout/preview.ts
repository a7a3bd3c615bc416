import type { PlanUnfit, StartAtOutside, TargetRefusal } from './draft.ts';
import { type CreateRequest, type DraftDeps, type Drafted, draft, refusalFrom } from './draft.ts';
import { nothingAsked } from './evidence.ts';
import { type Forecast, forecast, type Prospect, type StepForecast } from './forecast.ts';
import { warningsOf } from './forecast-warnings.ts';
import { inspect, surveyOf } from './inspect.ts';
import type { GitOps } from './mover.ts';
import { widestOver } from './names.ts';
import { otherRouteWarnings } from './other-routes.ts';
import { podlessWarnings } from './podless.ts';
import type { Holds } from './ports/holds.ts';
import type { Mesh, MeshView, SpecChange, SplitView } from './ports/mesh.ts';
import type { MetricsSurvey } from './ports/metrics.ts';
import type { OtherRoutes } from './ports/other-routes.ts';
import type { Surroundings } from './ports/readiness.ts';
import type { HoldOrder } from './ports/store.ts';
import type { ReadinessReport } from './readiness-report.ts';
import type { StartObstacle } from './readiness-words.ts';
import type { Actor } from './reasons.ts';
import { type Rehearsed, refusedIn, rehearsalWarnings, writesToRehearse } from './rehearsal.ts';
import { newRollout, type Rollout, type StoredRollout } from './rollout.ts';
import * as say from './say.ts';
import { obstacleIn } from './start.ts';
import { inWords } from './start-scheduled.ts';
import { timelineOf, writesOf } from './timeline.ts';

export type PreviewStep = StepForecast & {
  /** What the step would write; empty, too, when the weights cannot be read as they stand. */
  changes: SpecChange[];
};

/** What a rollout would do, and what is to be expected of it. Nothing was written anywhere. */
export type Previewed = {
  kind: 'preview';
  rollout: StoredRollout;
  /** Why it would not begin at once, as things stand now; null when it would. */
  obstacle: StartObstacle | null;
  /** A hold order whose scope the target lies in. */
  order: HoldOrder | null;
  steps: PreviewStep[];
  forecast: Forecast;
  survey: MetricsSurvey | null;
  /** How the API server answers the writes without carrying them out; empty when the object cannot be written as it stands. */
  rehearsed: Rehearsed[];
  /** What sends requests to the canary beside the weights; null while its roles are not known. */
  otherRoutes: OtherRoutes | null;
  /** What is to be said of the mesh around it; null while its roles are not known. */
  readiness: ReadinessReport | null;
  warnings: string[];
};

export type Preview = Previewed | StartAtOutside | PlanUnfit | TargetRefusal | { kind: 'taken'; by: string };

export type PreviewDeps = DraftDeps & { holds: Pick<Holds, 'standing'>; surroundings: Surroundings };

/** Milliseconds a person waits for the mesh and the metrics at most. */
const lookMs = 3000;

/** Plays a rollout through on paper: reads the mesh, the metrics and the hold orders, and writes nothing. */
export async function preview(deps: PreviewDeps, request: CreateRequest, actor: Actor): Promise<Preview> {
  const drafted = await draft(deps, request, actor);
  if (drafted.kind !== 'drafted' && drafted.kind !== 'scheduled') return drafted;
  if (drafted.kind === 'drafted' && drafted.front !== null) return { kind: 'taken', by: drafted.front };
  const scene = {
    drafted,
    order: widestOver(await deps.holds.standing(), drafted.request),
    prospect: prospectOf(deps, drafted),
  };
  const rollout = withRoles(drafted, scene.prospect.scrapeSeconds);
  return rollout === null ? withoutRoles(scene) : previewed(deps, scene, rollout);
}

type Draft = Extract<Drafted, { kind: 'drafted' | 'scheduled' }>;
type Scene = { drafted: Draft; order: HoldOrder | null; prospect: Omit<Prospect, 'survey'> };

function prospectOf({ metrics }: PreviewDeps, { rollout, request, now }: Draft): Scene['prospect'] {
  const startAt = 'startAt' in rollout ? rollout.startAt : null;
  return {
    plan: rollout.plan,
    beginsAt: Math.max(startAt ?? now, now),
    scrapeSeconds: metrics.scrapeSeconds(request.cluster),
  };
}

/** The rollout as it would be if its turn came now; null while that cannot be known. */
function withRoles(drafted: Draft, scrapeSeconds: number): Rollout | null {
  if (drafted.kind === 'drafted') return drafted.rollout;
  const { rollout, target, now } = drafted;
  if (target === null) return null;
  const { id, plan, planVersion, requestedBy, reason } = rollout;
  return newRollout({ id, target, plan, planVersion, requestedBy, reason }, scrapeSeconds, now);
}

/** Weights in mid-air: what it would write depends on where they come to rest. */
function withoutRoles({ drafted, order, prospect }: Scene): Previewed {
  const why = 'the weights of its VirtualService are not at rest now, so that its roles are not known yet';
  const paper: Prospect = { ...prospect, survey: { kind: 'none', why } };
  const expected = forecast(paper);
  return {
    kind: 'preview',
    rollout: drafted.rollout,
    obstacle: queuedBehind(drafted) ?? { why, patienceMs: null },
    order,
    steps: expected.steps.map((step) => ({ ...step, changes: [] })),
    forecast: expected,
    survey: null,
    rehearsed: [],
    otherRoutes: null,
    readiness: null,
    warnings: warningsOf(paper, expected, { stableHasOtherRoutes: false }),
  };
}

async function previewed(deps: PreviewDeps, scene: Scene, rollout: Rollout): Promise<Preview> {
  const { drafted, order, prospect } = scene;
  const { plan, target } = rollout;
  const writes = timelineOf(plan).steps.flatMap((step) => writesOf(plan, step));
  const signal = deps.deadline(lookMs);
  const looking = deps.mesh.look(target, signal);
  const asked = { now: drafted.now, readMs: lookMs };
  const surveying = surveyOf(deps, rollout, asked);
  const [written, view, survey, readiness, rehearsed, otherRoutes] = await Promise.all([
    deps.mesh.preview(drafted.request, writes, signal),
    looking,
    surveying,
    inspect(deps, rollout, { ...asked, order, survey: surveying }),
    looking.then((seen) => rehearse(deps.mesh, rollout, { seen, first: writes[0] }, signal)),
    deps.mesh.otherRoutes(target, signal),
  ]);
  if (written.kind !== 'preview') return refusalFrom(written);
  const paper: Prospect = { ...prospect, survey: survey === null ? unasked : { kind: 'survey', survey } };
  const expected = forecast(paper);
  const changesIn = (step: number) =>
    written.changes.filter((_, index) => writes[index]?.step === step).flat();
  const measurements = survey?.measurements ?? nothingAsked(drafted.now);
  const sight = { view, measurements, epoch: 0, order, readiness };
  const obstacle = obstacleIn(rollout, sight, drafted.now) ?? refusedIn(rehearsed, target);
  const told = [
    ...rehearsalWarnings(rehearsed),
    ...podlessWarnings(target),
    ...otherRouteWarnings(target, otherRoutes),
  ];
  return {
    kind: 'preview',
    rollout: drafted.rollout,
    obstacle: queuedBehind(drafted) ?? obstacle,
    order,
    steps: expected.steps.map((step) => ({ ...step, changes: changesIn(step.step) })),
    forecast: expected,
    survey,
    rehearsed,
    otherRoutes,
    readiness,
    warnings: [...told.map(say.sentence), ...warningsOf(paper, expected, doubtsOf(view))],
  };
}

const unasked: Prospect['survey'] = {
  kind: 'none',
  why: 'the plan has no checks, so that only the readiness of pods is watched',
};

/** An epoch for writes that nobody will ever see. */
const unseen = 1;

/** Sends what the rollout would write first, and what would take it back, without anything being stored. */
function rehearse(
  mesh: Mesh,
  { id, target }: Rollout,
  { seen, first }: { seen: MeshView; first: Parameters<typeof writesToRehearse>[0] },
  signal: AbortSignal,
): Promise<Rehearsed[]> {
  if (seen.kind !== 'split' || !canBeWritten(seen)) return Promise.resolve([]);
  const writes = writesToRehearse(first).map(async ({ write, share, ...rest }) => {
    const asked = { ...rest, share, rolloutId: id, epoch: unseen };
    return { write, share, outcome: await mesh.rehearse(target, seen, asked, signal) };
  });
  return Promise.all(writes);
}

/** What stands in the way by itself is told of by the obstacles. */
function canBeWritten({ hasStable, canaryShare }: SplitView): boolean {
  return hasStable && canaryShare === 0;
}

function queuedBehind({ rollout }: Draft): StartObstacle | null {
  const obstacle = rollout.state.kind === 'waiting' ? rollout.state.obstacle : null;
  return obstacle === null ? null : { why: inWords(obstacle), patienceMs: null };
}

function doubtsOf(view: MeshView): { stableHasOtherRoutes: boolean; gitOps: GitOps | null } {
  if (view.kind !== 'split') return { stableHasOtherRoutes: false, gitOps: null };
  const { stableHasOtherRoutes, gitOps } = view;
  return { stableHasOtherRoutes, gitOps };
}
