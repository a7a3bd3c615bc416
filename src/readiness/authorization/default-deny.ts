import { type Side, sidesOf, withoutPods } from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { error, info, pass, skip, unknown } from '../judgement.ts';
import type { AuthorizationPolicy, Service } from '../objects.ts';
import {
  type Group,
  groupsOf,
  isForEverything,
  isTargeted,
  namesOf,
  policyReach,
  type Rule,
  rulesOf,
  sorted,
  targetsOf,
} from './policies.ts';
import { allowsNothing, standingOf } from './standing.ts';

type Seen = { groups: readonly Group[]; services: readonly Service[]; rootNamespace: string };

/** Why an arm denies what no policy allows, or does not. */
type Guard =
  | { kind: 'denied'; by: string }
  /** Only as long as an ALLOW policy with rules selects it. */
  | { kind: 'deniedByChance'; by: string }
  | { kind: 'perhaps'; by: string }
  /** It depends on labels that only its pods will have. */
  | { kind: 'unsure'; by: string }
  | { kind: 'open'; by: string | null };

/**
 * Counts as default deny: an ALLOW policy without rules; a DENY policy for all but those it names; a CUSTOM policy for
 * every request; the same at the waypoint of the Service.
 * Source: https://istio.io/latest/docs/ops/best-practices/security/#use-default-deny-patterns
 */
export const defaultDeny = defineCheck({
  id: 'PF-AZ-01',
  title: 'Both versions deny what no AuthorizationPolicy allows',
  family: 'authorization',
  priority: 'P0',
  codes: ['KIA1301'],
  again: false,
  severity: 'error',
  needs: ['authorizationPolicies', 'pods', 'services', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ authorizationPolicies, pods, services, meshConfig: { rootNamespace } }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const namespaces = [sides.stable.namespace, sides.canary.namespace, rootNamespace];
    const here = authorizationPolicies.filter(({ metadata }) =>
      namespaces.includes(metadata.namespace ?? ''),
    );
    const seen = { groups: groupsOf(here), services, rootNamespace };
    const guards = [sides.stable, sides.canary].map((side) => ({ side, guard: guardOf(side, seen) }));
    return judgements(guards, subject.requirements.defaultDeny);
  },
});

type Guarded = { side: Side; guard: Guard };

function judgements(guards: readonly Guarded[], isRequired: boolean): Judgement[] {
  const wrong = guards.flatMap(({ side, guard }) => failureOf(side, guard, isRequired));
  if (wrong.length > 0) return wrong;
  const by = guards.map(({ side, guard }) => `${side.version} (${guard.by})`).join(' and ');
  return [pass(`what no policy allows is denied on ${by}`)];
}

function failureOf(side: Side, guard: Guard, isRequired: boolean): Judgement[] {
  switch (guard.kind) {
    case 'denied':
      return [];
    case 'deniedByChance':
      return [byChance(side, guard.by)];
    case 'perhaps':
      return [
        unknown(
          `no selector denies by default on ${side.version}; ${guard.by} would at a waypoint, and Service ${side.namespace}/${side.service} has no label istio.io/use-waypoint`,
          `say which waypoint serves it: kubectl -n ${side.namespace} label service ${side.service} istio.io/use-waypoint=NAME, or apply a default deny that selects the pods`,
        ),
      ];
    case 'unsure':
      return [
        unknown(
          `whether ${guard.by} selects ${side.version} depends on labels that only its pods will have`,
          `start one pod of ${side.version} and ask again`,
        ),
      ];
    case 'open':
      return [openTo(side, guard.by, isRequired)];
  }
}

function byChance(side: Side, by: string): Judgement {
  return info({
    read: `no policy without rules denies by default on ${side.version}; it is closed only because ${by} selects it`,
    means: `${side.version} would be open to everybody as soon as that policy is gone or its labels change`,
    mend: applying(side),
    undoneBy: ['authorizationPolicies', 'services'],
  });
}

function openTo(side: Side, by: string | null, isRequired: boolean): Judgement {
  const why = by === null ? 'no ALLOW policy selects all of its pods' : `${by} allows everything`;
  return (isRequired ? error : info)({
    read: `${side.version} denies nothing by default: ${why}`,
    means: `every workload that can reach ${side.version} may call it${isRequired ? ', and this target must deny by default' : ''}`,
    mend:
      by === null
        ? `first write ALLOW policies for its callers, then: ${applying(side)}`
        : `narrow the rules of ${by}: kubectl get authorizationpolicies -n ${by.split('/')[0]} -o yaml`,
    undoneBy: ['authorizationPolicies', 'services'],
  });
}

function applying({ namespace }: Side): string {
  const policy = {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'default-deny', namespace },
    spec: {},
  };
  return `echo '${JSON.stringify(policy)}' | kubectl apply -f -`;
}

function guardOf(side: Side, seen: Seen): Guard {
  const here = seen.groups.filter(
    ({ first, policies }) => !isTargeted(first) && policyReach(policies, side, seen.rootNamespace) === 'all',
  );
  const strict = here.find(deniesAllButNamed);
  if (strict !== undefined) return { kind: 'denied', by: namesOf(strict.policies) };
  const standing = standingOf(side, seen.groups, seen.rootNamespace);
  const nothing = here.find((group) => group.action === 'ALLOW' && allowsNothing(group));
  if (standing.kind === 'closed' && nothing !== undefined)
    return { kind: 'denied', by: relevant(nothing, side, seen) };
  const atWaypoint = waypointGuard(side, seen);
  if (atWaypoint !== null && (atWaypoint.kind === 'denied' || standing.kind === 'open')) return atWaypoint;
  return standing.kind === 'open' && standing.by !== null ? standing : withoutDefault(side, seen);
}

/** Only ALLOW policies with rules are left, for all of its pods or for fewer. */
function withoutDefault(side: Side, { groups, rootNamespace }: Seen): Guard {
  const allowing = groups.filter(({ action, first }) => action === 'ALLOW' && !isTargeted(first));
  const reaching = (reach: string) =>
    allowing.find(({ policies }) => policyReach(policies, side, rootNamespace) === reach);
  const all = reaching('all');
  if (all !== undefined) return { kind: 'deniedByChance', by: namesOf(all.policies) };
  const unsure = reaching('unsure');
  return unsure === undefined ? { kind: 'open', by: null } : { kind: 'unsure', by: namesOf(unsure.policies) };
}

function relevant({ policies }: Group, side: Side, { rootNamespace }: Seen): string {
  return namesOf(policies.filter((policy) => policyReach([policy], side, rootNamespace) !== 'none'));
}

/** A DENY for everybody but those whom it names, or an authorizer that is asked about every request. */
function deniesAllButNamed({ action, first }: Group): boolean {
  if (action === 'DENY') return rulesOf(first).some(isForAllButNamed);
  return action === 'CUSTOM' && rulesOf(first).some(isForEverything);
}

function isForAllButNamed({ from, to, when }: Rule): boolean {
  if ((to ?? []).length > 0 || (when ?? []).length > 0) return false;
  return (from ?? []).every(({ source }) =>
    Object.entries(source ?? {}).every(([field, values]) => field.startsWith('not') || !isFilled(values)),
  );
}

function isFilled(values: unknown): boolean {
  return Array.isArray(values) && values.length > 0;
}

/** What sidecars do not look at counts where a waypoint stands before the Service. */
function waypointGuard(side: Side, { groups, services, rootNamespace }: Seen): Guard | null {
  const service = services.find(
    ({ metadata }) => metadata.name === side.service && metadata.namespace === side.namespace,
  );
  const waypoint = service?.metadata.labels?.['istio.io/use-waypoint'];
  const strict = groups.filter((group) => isTargeted(group.first) && deniesByDefault(group));
  const policies = sorted(strict.flatMap((group) => group.policies));
  const guarding = policies.filter((policy) => isAtWaypoint(policy, side, waypoint, rootNamespace));
  if (guarding.length === 0 || waypoint === 'none') return null;
  const by = `${namesOf(guarding)}, at the waypoint`;
  return { kind: waypoint === undefined ? 'perhaps' : 'denied', by };
}

function deniesByDefault(group: Group): boolean {
  return deniesAllButNamed(group) || (group.action === 'ALLOW' && allowsNothing(group));
}

function isAtWaypoint(
  policy: AuthorizationPolicy,
  side: Side,
  waypoint: string | undefined,
  rootNamespace: string,
): boolean {
  const isIn = (namespace: string) => policy.metadata.namespace === namespace;
  return targetsOf(policy).some(({ kind, name }) => {
    if (kind === 'GatewayClass') return isIn(rootNamespace) && name === 'istio-waypoint';
    if (!isIn(side.namespace)) return false;
    if (kind === 'Service') return name === side.service;
    return kind === 'Gateway' && (waypoint === undefined || name === waypoint);
  });
}
