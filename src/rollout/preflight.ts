import type { CreateRequest } from './draft.ts';
import { draft, type PlanUnfit, type StartAtOutside, type TargetRefusal } from './draft.ts';
import { inspect, surveyOf } from './inspect.ts';
import { widestOver } from './names.ts';
import type { PreviewDeps } from './preview.ts';
import type { ReadinessReport } from './readiness-report.ts';
import type { StartObstacle } from './readiness-words.ts';
import { notReady } from './readiness-words.ts';
import type { Actor } from './reasons.ts';
import type { Rollout } from './rollout.ts';

/** What the mesh around a target says of a rollout that would begin now. Nothing was written anywhere. */
export type Preflight =
  | { kind: 'preflight'; rollout: Rollout; report: ReadinessReport; obstacle: StartObstacle | null }
  | { kind: 'taken'; by: string }
  | StartAtOutside
  | PlanUnfit
  | TargetRefusal;

/** Milliseconds for which the metrics, and then the mesh, may be read. */
const readMs = 3000;

/** Runs all readiness checks for a rollout as if it began now, whenever it is asked to begin. */
export async function preflight(deps: PreviewDeps, request: CreateRequest, actor: Actor): Promise<Preflight> {
  const drafted = await draft(deps, { ...request, startAt: null, onConflict: 'reject' }, actor);
  if (drafted.kind === 'scheduled') throw new Error('a draft for now was scheduled');
  if (drafted.kind !== 'drafted') return drafted;
  const { rollout, now } = drafted;
  const survey = surveyOf(deps, rollout, { now, readMs });
  const order = widestOver(await deps.holds.standing(), rollout.target);
  const report = await inspect(deps, rollout, { survey, order, now, readMs });
  return { kind: 'preflight', rollout, report, obstacle: notReady(report) };
}
