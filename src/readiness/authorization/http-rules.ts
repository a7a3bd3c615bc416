import type { Side } from '../arms.ts';
import { dataPlaneOf } from '../data-plane.ts';
import type { Failure } from '../finding.ts';
import { refTo, warn } from '../judgement.ts';
import type { Pod, Service } from '../objects.ts';
import { protocolOf } from '../protocols.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Arm } from '../snapshot.ts';
import { portPairsOf } from '../workload-ports.ts';
import { type Enforced, editing, ruleWords } from './named.ts';
import { isTargeted, type Rule, rulesOf } from './policies.ts';

/** A port of an arm's pods, and whether anybody looks at HTTP there. */
type PortUse = { port: number; isHttp: boolean };

/** The ports of an arm; `isAmbient` when ztunnel, which knows no HTTP, stands before its pods. */
export type Ports = { uses: readonly PortUse[]; isAmbient: boolean };

export function portsOf(arm: Arm, services: readonly Service[], pods: readonly Pod[]): Ports {
  const own = podsOf(arm, pods);
  const service = services.find(({ metadata }) => nameOf(metadata) === nameOf(arm.service));
  const uses = portPairsOf(arm, services, own).flatMap(({ service: number, workload }) => {
    const port = service?.spec.ports?.find((one) => one.port === number);
    return port === undefined || workload === null
      ? []
      : [{ port: workload, isHttp: protocolOf(port) !== 'other' }];
  });
  return { uses, isAmbient: own.some((pod) => dataPlaneOf(pod).kind === 'ambient') };
}

/** A part of a rule as it is enforced: its HTTP fields, and the ports that it names, or none for all. */
type Part = { index: number; fields: string[]; named: number[] };

/**
 * On a port that is not HTTP a rule of an ALLOW policy with HTTP fields is left out, and one of a DENY policy denies
 * without them; ztunnel makes a DENY of whatever has such fields.
 * Sources: https://istio.io/latest/docs/tasks/security/authorization/authz-tcp/,
 * https://istio.io/latest/docs/ambient/usage/l4-policy/
 */
export function httpRulesOnTcp(
  enforced: Enforced,
  sides: readonly { side: Side; ports: Ports }[],
): Failure[] {
  const parts = rulesOf(enforced.policy).flatMap(partsOf);
  return parts.flatMap((part) => {
    const faults = sides.flatMap(({ side, ports }) => faultOf(part, enforced, side, ports));
    return faults.slice(0, 1);
  });
}

function partsOf(rule: Rule, index: number): Part[] {
  const whole = [...sourceFields(rule), ...conditionFields(rule)];
  const operations = (rule.to ?? []).length === 0 ? [{}] : (rule.to ?? []);
  return operations.flatMap(({ operation }) => {
    const fields = [...whole, ...filled(operation ?? {}, operationFields)];
    const named = (operation?.ports ?? []).map(Number);
    return fields.length === 0 ? [] : [{ index, fields, named }];
  });
}

const operationFields = ['methods', 'notMethods', 'paths', 'notPaths', 'hosts', 'notHosts'];

function sourceFields({ from }: Rule): string[] {
  return (from ?? []).flatMap(({ source }) =>
    filled(source ?? {}, ['requestPrincipals', 'notRequestPrincipals']),
  );
}

function conditionFields({ when }: Rule): string[] {
  return (when ?? []).flatMap(({ key }) => (key.startsWith('request.') ? [key] : []));
}

function filled(fields: Readonly<Record<string, unknown>>, names: readonly string[]): string[] {
  return names.filter((name) => {
    const values = fields[name];
    return Array.isArray(values) && values.length > 0;
  });
}

function faultOf(part: Part, enforced: Enforced, side: Side, { uses, isAmbient }: Ports): Failure[] {
  const reached = part.named.length === 0 ? uses : uses.filter(({ port }) => part.named.includes(port));
  const plain = reached.filter(({ isHttp }) => !isHttp);
  const atNode = isAmbient && !isTargeted(enforced.policy);
  if (atNode) return [failure(part, enforced, `ztunnel before ${side.version} knows no HTTP`, atNode)];
  // A rule for every port is meant for those where it can hold, unless it denies more on the others.
  const isMeant = part.named.length > 0 || plain.length === reached.length || enforced.action === 'DENY';
  if (plain.length === 0 || !isMeant) return [];
  const numbers = [...new Set(plain.map(({ port }) => port))].join(', ');
  const where = `port ${numbers} of ${side.version} is not HTTP for Istio`;
  return [failure(part, enforced, where, atNode)];
}

function failure({ index, fields }: Part, enforced: Enforced, where: string, atNode: boolean): Failure {
  const { policy } = enforced;
  const mend = atNode
    ? `let the waypoint enforce it, by spec.targetRefs with the Service in place of spec.selector: ${editing(enforced)}`
    : `name only ports that are HTTP in the rule (to.operation.ports), or say that the port is (PF-SC-07): ${editing(enforced)}`;
  return warn({
    read: `${ruleWords({ ...enforced, index })} asks for ${[...new Set(fields)].join(', ')}, and ${where}`,
    means: meaningOf(enforced, atNode),
    mend,
    object: refTo('AuthorizationPolicy', policy.metadata),
    path: `spec.rules[${index}]`,
  });
}

function meaningOf({ action }: Enforced, atNode: boolean): string {
  if (atNode) return 'the whole policy denies there what it was to tell apart, whichever version is asked';
  switch (action) {
    case 'ALLOW':
      return 'Istio leaves the rule out there: what only it allows is denied, whichever version is asked';
    case 'DENY':
      return 'Istio leaves these fields out there: the rule denies every connection that meets the rest of it';
    case 'CUSTOM':
    case 'AUDIT':
      return 'the rule does not hold there, whichever version is asked';
  }
}
