import { type Right, rightsToFind, rightsToMove } from '../traffic/access-review.ts';
import type { ClusterFacts } from '../traffic/inspect-cluster.ts';
import { aheadMs, checkClock } from './clocks.ts';
import { type Check, fail, ok, warn } from './report.ts';

/** A VirtualService that rights are asked for; without one they are asked for everywhere. */
export type AskedTarget = { namespace: string; name: string };

const istio = 'networking.istio.io';

/** What canaryd has to be allowed. */
export function rightsFor(target: AskedTarget | null): Right[] {
  const namespace = target?.namespace ?? '';
  const name = target?.name ?? '';
  return [
    ...rightsToMove({ namespace, name }),
    ...rightsToFind(namespace),
    ...watching.map((right) => ({ ...right, namespace, name: '' })),
  ];
}

/** With all of these a namespace is watched, and turns in which nothing happens ask nothing. */
const watching = [
  { verb: 'list', group: istio, resource: 'virtualservices' },
  { verb: 'watch', group: istio, resource: 'virtualservices' },
  { verb: 'watch', group: '', resource: 'pods' },
  { verb: 'list', group: 'apps', resource: 'replicasets' },
  { verb: 'watch', group: 'apps', resource: 'replicasets' },
] as const;

/** A VirtualService that was asked for, and whether a cluster has it: it need not be in each of several. */
export type Sought = AskedTarget & { isSomewhere: boolean };

/** Judges what one cluster answers. */
export function checkCluster(cluster: string, facts: ClusterFacts, target: Sought | null): Check[] {
  const what = `cluster ${cluster}`;
  const { server } = facts;
  if (server.kind === 'failed') return [clusterFailed(cluster, server.why)];
  const { version, clockMs, localMs } = server.value;
  const clock = clockMs === null ? [] : [checkItsClock(`${what} clock`, { clockMs, localMs })];
  return [
    ok(what, `Kubernetes ${version} answers.`),
    ...clock,
    checkIstio(`${what} istio`, facts.istio),
    checkRights(`${what} rights`, facts.rights, target),
    ...(target === null || facts.target === null
      ? []
      : [checkTarget(`${what} target`, facts.target, target)]),
  ];
}

/**
 * The only check there is when a cluster cannot be asked.
 * @param saysMend whether `why` says already what to do
 */
export function clusterFailed(cluster: string, why: string, saysMend = false): Check {
  const mend = saysMend ? '' : ': check its kubeconfig and context';
  return fail(`cluster ${cluster}`, `${why}. No weight moves there, not even back${mend}.`);
}

/** The header is in whole seconds. */
function checkItsClock(what: string, reading: { clockMs: number; localMs: number }): Check {
  const apart = {
    what,
    byMs: aheadMs(reading),
    than: "this machine's",
    effect: 'certificates and tokens may be refused as not valid yet, or not any more',
  };
  return checkClock(apart, { warnMs: 30_000, failMs: Number.POSITIVE_INFINITY });
}

function checkIstio(what: string, served: ClusterFacts['istio']): Check {
  if (served.kind === 'failed') return fail(what, `cannot be asked for: ${served.why}.`);
  if (served.value === null) return fail(what, 'the cluster serves no VirtualService: install Istio.');
  return ok(what, `VirtualService ${served.value} is served.`);
}

function checkTarget(what: string, there: NonNullable<ClusterFacts['target']>, target: Sought): Check {
  const name = `VirtualService ${target.namespace}/${target.name}`;
  if (there.kind === 'failed') return warn(what, `${name} cannot be asked for: ${there.why}.`);
  if (there.value) return ok(what, `${name} is there.`);
  if (target.isSomewhere) return ok(what, `${name} is in another cluster.`);
  return fail(what, `there is no ${name}.`);
}

function isForWatching({ verb, resource }: Right): boolean {
  return watching.some((one) => one.verb === verb && one.resource === resource);
}

function listed(rights: Right[]): string {
  return rights.map(({ verb, resource }) => `${verb} ${resource}`).join(', ');
}

function saysAllowed(where: string, denied: Right[]): string {
  if (denied.length === 0) return `all that canaryd does is allowed ${where}.`;
  const cost = `Without ${listed(denied)} every turn there sends three requests`;
  const mend = 'add these to its Role (README, "Run it in a cluster")';
  return `all that canaryd must do is allowed ${where}. ${cost}: ${mend}.`;
}

function checkRights(what: string, rights: ClusterFacts['rights'], target: AskedTarget | null): Check {
  const unanswered = rights.find(({ allowed }) => allowed.kind === 'failed');
  if (unanswered?.allowed.kind === 'failed')
    return warn(what, `cannot be asked for: ${unanswered.allowed.why}.`);
  const denied = rights
    .filter(({ allowed }) => allowed.kind === 'found' && !allowed.value)
    .map(({ right }) => right);
  const missing = denied.filter((right) => !isForWatching(right));
  const where = target === null ? 'in all namespaces' : `in ${target.namespace}`;
  if (missing.length === 0) return ok(what, saysAllowed(where, denied));
  const list = listed(missing);
  if (target === null) {
    const mend =
      'if it is meant for some only, ask for one: canaryd doctor --target=NAMESPACE/VIRTUALSERVICE';
    return warn(what, `not allowed in all namespaces: ${list}; ${mend}.`);
  }
  if (missing.every(({ resource }) => resource === 'pods')) {
    const says = `not allowed ${where}: ${list}: who is ready stays unknown, and canaryd goes by metrics alone; grant it.`;
    return warn(what, says);
  }
  return fail(what, `not allowed ${where}: ${list}: grant it to the user or service account of canaryd.`);
}
