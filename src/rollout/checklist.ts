import { type MutualTlsPicture, mutualTlsPicture, pictureFacts } from '../readiness/mutual-tls-picture.ts';
import type { Subject } from '../readiness/snapshot.ts';
import { type ChecklistPart, checklistOf } from './checklist-parts.ts';
import type { TargetRefusal } from './draft.ts';
import { inspect, snapshotOf, surveyOf } from './inspect.ts';
import { widestOver } from './names.ts';
import type { Holds } from './ports/holds.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Surroundings } from './ports/readiness.ts';
import type { Rollouts } from './ports/store.ts';
import { subjectOf } from './readiness-subject.ts';
import { type RolesDeps, rolesNow, type TargetQuestion } from './roles-now.ts';
import type { Rollout } from './rollout.ts';
import type { Millis } from './units.ts';

/** What every answer about a target's surroundings says of itself; `live` is the rollout that has settled the roles. */
type Asked = { at: Millis; rollout: Rollout; live: string | null };

/** By what a target is judged, as no plan was named. */
type ChecklistLimits = Pick<Subject, 'checks' | 'shares' | 'deadline' | 'requirements'>;

export type ChecklistAnswer =
  | (Asked & { kind: 'checklist'; limits: ChecklistLimits; parts: ChecklistPart[] })
  | TargetRefusal;

export type MutualTlsAnswer = (Asked & { kind: 'mutualTls'; picture: MutualTlsPicture }) | TargetRefusal;

export type ChecklistDeps = RolesDeps & {
  metrics: Metrics;
  rollouts: Pick<Rollouts, 'namesakes' | 'now'>;
  surroundings: Surroundings;
  holds: Pick<Holds, 'standing'>;
};

/** Milliseconds for which the metrics, and then the mesh, may be read. */
const readMs = 3000;

/** All readiness checks of a target as they stand now, judged by the usual plan; what cannot be read is unknown. */
export async function checklist(deps: ChecklistDeps, question: TargetQuestion): Promise<ChecklistAnswer> {
  const roles = await rolesNow(deps, question);
  if (roles.kind !== 'roles') return roles;
  const { rollout, live, now } = roles;
  const survey = surveyOf(deps, rollout, { now, readMs });
  const order = widestOver(await deps.holds.standing(), question);
  const { at, rulings } = await inspect(deps, rollout, { survey, order, now, readMs });
  const { checks, shares, deadline, requirements } = subjectOf(rollout);
  const limits = { checks, shares, deadline, requirements };
  return { kind: 'checklist', at, rollout, live, limits, parts: checklistOf(rulings) };
}

/** Mutual TLS around a target as it stands now. */
export async function mutualTls(deps: ChecklistDeps, question: TargetQuestion): Promise<MutualTlsAnswer> {
  const roles = await rolesNow(deps, question);
  if (roles.kind !== 'roles') return roles;
  const { rollout, live, now } = roles;
  const known = { survey: Promise.resolve(null), order: null, now, readMs };
  const snapshot = await snapshotOf(deps, rollout, { ...known, wanted: new Set(pictureFacts) });
  return { kind: 'mutualTls', at: now, rollout, live, picture: mutualTlsPicture(snapshot) };
}
