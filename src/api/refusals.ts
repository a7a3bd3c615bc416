import { quoted } from '../known-names.ts';
import type { Action, Refusal } from '../rollout/command.ts';
import { furthestDays, type StartAtOutside, type TargetRefusal } from '../rollout/draft.ts';
import { currentStepOf, explain } from '../rollout/explain.ts';
import type { ClusterUnknown } from '../rollout/locate.ts';
import { namesIn } from '../rollout/names.ts';
import type { PlanFault } from '../rollout/plan-fault.ts';
import type { MeshFailure, MeshName, ShapeFault } from '../rollout/ports/mesh.ts';
import { type StoredRollout, statusOf } from '../rollout/rollout.ts';
import { sentence } from '../rollout/say.ts';
import { objectName } from '../rollout/several.ts';
import type { TargetRequest } from '../rollout/target.ts';
import type { Millis } from '../rollout/units.ts';
import { pointerOf } from './field-faults.ts';
import { ProblemError } from './problem.ts';
import { pathTo } from './render-rollout.ts';
import { timestamp, untouched } from './wire-parts.ts';

/** Why a rollout to this target was not created, as a problem. */
export function targetProblem(refusal: TargetRefusal, target: TargetRequest): ProblemError {
  switch (refusal.kind) {
    case 'clusterUnknown':
      return clusterUnknownProblem(refusal);
    case 'targetMissing':
      return missing(target, refusal.name);
    case 'targetShape':
      return misshapen(refusal.fault, target);
    case 'meshUnavailable':
      return unavailable(refusal.failure);
  }
}

/** A target that names no cluster of the configuration, or none although there are several. */
function clusterUnknownProblem({ asked, clusters }: ClusterUnknown): ProblemError {
  const names = quoted(clusters);
  const what = asked === null ? 'names no cluster, but there are several' : 'is no cluster of this canaryd';
  const detail = `The target's cluster ${asked === null ? 'is missing' : 'is not known'}. Clusters here: ${names}. Nothing was started.`;
  const explanation = untouched(detail, `Write one of these as \`target.cluster\`: ${names}.`);
  const errors = [
    { pointer: '/target/cluster', code: 'cluster-unknown', detail: `${what}: write one of ${names}` },
  ];
  return new ProblemError('cluster-unknown', detail, { errors, explanation });
}

/** A hold order or a rollback of many in a cluster that canaryd does not know. */
export function scopeProblem({ clusters }: ClusterUnknown): ProblemError {
  const names = quoted(clusters);
  const detail = `The cluster is not known. Clusters here: ${names}. Nothing was done.`;
  const explanation = untouched(detail, `Write one of these as \`cluster\`: ${names}.`);
  const errors = [
    {
      pointer: '/cluster',
      code: 'cluster-unknown',
      detail: `is no cluster of this canaryd: write one of ${names}`,
    },
  ];
  return new ProblemError('cluster-unknown', detail, { errors, explanation });
}

/** What is wrong with a plan that stands at this place of the body. */
export function planErrors(
  faults: PlanFault[],
  at: readonly string[],
): { pointer: string; code: string; detail: string }[] {
  return faults.map(({ path, code, message }) => ({
    pointer: pointerOf([...at, ...path]),
    code,
    detail: message,
  }));
}

/** A plan that is sound in itself but does not fit how this canaryd measures, or what can be measured of the target. */
export function planProblem(faults: PlanFault[]): ProblemError {
  const errors = planErrors(faults, ['plan']);
  const detail = 'The plan does not fit what can be measured of this target here. Nothing was started.';
  const explanation = untouched(
    faults.map(({ message }) => sentence(message)).join(' '),
    'Change in the plan what `errors` points at, and send it again.',
  );
  return new ProblemError('plan-inconsistent', detail, { errors, explanation });
}

/** A time that no rollout may be scheduled for. */
export function startAtProblem({ startAt, now }: StartAtOutside): ProblemError {
  const isPast = startAt < now;
  const what = isPast ? 'lies in the past' : `lies more than ${furthestDays} days ahead`;
  const here = `It is ${timestamp(now)} now.`;
  const detail = `\`startAt\` ${what}. ${here} Nothing was scheduled.`;
  const mend = isPast
    ? 'Leave `startAt` out to start at once, or write a later time.'
    : 'Write an earlier time.';
  const errors = [{ pointer: '/startAt', code: 'out-of-range', detail: `${what}. ${here}` }];
  return new ProblemError('validation-error', detail, { errors, explanation: untouched(detail, mend) });
}

/** Another rollout holds the VirtualService. */
export function takenProblem(by: string): ProblemError {
  const detail = 'Another rollout is live on this VirtualService. Nothing was started.';
  const explanation = untouched(
    `Rollout ${by} is live on this VirtualService.`,
    'It goes on. Send this one with `"onConflict": "queue"` to have it wait for its turn, or roll that one back first.',
  );
  return new ProblemError('rollout-already-active', detail, { activeRollout: pathTo(by), explanation });
}

/** What the rollout takes, but not from this caller; whoever has approved may still reject. */
const closedBy: Partial<Record<Refusal['code'], readonly Action[]>> = {
  'self-approval': ['approve', 'reject'],
  'approver-not-a-person': ['approve', 'reject'],
  'already-decided': ['approve'],
};

/** A command that the rollout does not take, with where it stands and what it takes. */
export function refusalProblem(refusal: Refusal, rollout: StoredRollout, now: Millis): ProblemError {
  const explained = explain(rollout, null, now);
  const actions = explained.actions.filter((action) => !closedBy[refusal.code]?.includes(action));
  const stepIndex = currentStepOf(rollout)?.index ?? null;
  return new ProblemError(refusal.code, refusal.message, {
    current: { status: statusOf(rollout), revision: rollout.revision, stepIndex },
    allowedActions: actions,
    explanation: { ...explained, actions },
  });
}

/** `name` is that of another VirtualService than the first, as `namespace/name`. */
function missing(target: TargetRequest, name: string | undefined): ProblemError {
  const also = alsoIn(target, name);
  const { namespace, virtualService } = also?.name ?? target;
  const { cluster } = target;
  const where = `namespace "${namespace}"${cluster === undefined ? '' : ` of cluster "${cluster}"`}`;
  const what = `There is no VirtualService "${virtualService}" in ${where}.`;
  const detail = `${what} Nothing was started.`;
  const explanation = untouched(
    what,
    `See what is there with \`kubectl get virtualservice -n ${namespace}\`, or what was rolled out before with \`GET /v1/targets\`; correct the target and send it again.`,
  );
  const pointer = pointerOf(also === null ? ['target'] : ['target', ...also.path, 'virtualService']);
  const errors = [{ pointer, code: 'target-not-found', detail: `no "${virtualService}" in ${where}` }];
  return new ProblemError('target-not-found', detail, { errors, explanation });
}

/** Where a target names another VirtualService than the first; null when it is not told apart from that. */
function alsoIn(
  target: TargetRequest,
  name: string | undefined,
): { name: MeshName; path: (string | number)[] } | null {
  const names = namesIn({ ...target, cluster: target.cluster ?? '' });
  const index = names.findIndex((one) => objectName(one) === name);
  const found = names[index];
  return found === undefined || index === 0 ? null : { name: found, path: ['also', index - 1] };
}

/** The field of a target that a fault is about, where nothing more is known of it. */
const fields = {
  'route-not-found': 'route',
  'route-ambiguous': 'route',
  'destination-not-in-route': 'canary',
  'split-not-at-rest': 'virtualService',
  'unsupported-shape': 'virtualService',
  'canary-ambiguous': 'canary',
  'subset-not-found': 'virtualService',
  'service-not-found': 'virtualService',
} as const satisfies Record<ShapeFault['code'], string>;

/** The place that names the route, as far as the fault knows it; roles are given by the first VirtualService alone. */
function pointerTo({ code, object, asked }: ShapeFault, target: TargetRequest): string {
  const also = alsoIn(target, object);
  const field = fields[code];
  const known = also !== null && field === 'canary' ? 'virtualService' : field;
  return pointerOf(['target', ...(also?.path ?? []), ...(asked ?? [known])]);
}

function misshapen(fault: ShapeFault, target: TargetRequest): ProblemError {
  const { code, path, message } = fault;
  const detail = `At ${path} of the VirtualService: ${message}`;
  const explanation = untouched(detail, 'Mend the VirtualService or the target, and send it again.');
  const errors = [{ pointer: pointerTo(fault, target), code, detail: `${path}: ${message}` }];
  return new ProblemError(code, detail, { errors, explanation });
}

/** Own words: what a client of Kubernetes says may hold addresses and credentials, and only the log gets it. */
const meshSentences = {
  forbidden: 'canaryd may not read or patch VirtualServices there: grant its service account get and patch.',
  unauthorized: 'The Kubernetes API does not accept the credentials of canaryd.',
  throttled: 'The Kubernetes API is throttling requests.',
  denied: 'An admission webhook denied the change.',
  invalid: 'The Kubernetes API calls the change invalid.',
  unreachable: 'The Kubernetes API cannot be reached.',
  timeout: 'The Kubernetes API did not answer in time.',
  serverError: 'The Kubernetes API failed.',
  unreadable: 'The Kubernetes API gave an answer that canaryd cannot read.',
} as const satisfies Record<MeshFailure['reason'], string>;

function unavailable({ reason, why }: MeshFailure): ProblemError {
  const detail = `${meshSentences[reason]} Nothing was started.`;
  const explanation = untouched(meshSentences[reason], 'Nothing is retried for you: send the request again.');
  const problem = new ProblemError('kubernetes-unavailable', detail, { explanation });
  problem.cause = new Error(why);
  return problem;
}
