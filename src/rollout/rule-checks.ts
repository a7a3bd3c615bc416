import { type CanaryLabels, misfitOf } from '../alert-rules/misfit.ts';
import { type RecognisedLimit, recogniseRule } from '../alert-rules/recognise.ts';
import type { PlanFault } from './plan-fault.ts';
import { Check, type FromRule, type MeshCheck, type RuleCheck, type WrittenCheck } from './plan-parts.ts';
import type { KnownRule, RulesRead } from './ports/alert-rules.ts';
import type { Target } from './target.ts';

type Checks = Record<string, WrittenCheck>;

/** Whether it takes the alert rules of a cluster to know what a plan says. */
export function namesRules({ checks }: { checks: Checks }): boolean {
  return Object.values(checks).some(isRule);
}

function isRule(check: WrittenCheck): check is RuleCheck {
  return 'rule' in check;
}

/** The plan with its alert rules left out: what can be said of it without them. */
export function withoutRules<Plan extends { checks: Checks }>(
  plan: Plan,
): Omit<Plan, 'checks'> & { checks: Record<string, Check> } {
  const known = Object.entries(plan.checks).flatMap(([id, check]) => (isRule(check) ? [] : [[id, check]]));
  return { ...plan, checks: Object.fromEntries(known) };
}

/** The plan with a check in the place of each alert rule that has no fault of its own. */
export function withStandIns<Plan extends { checks: Checks; interval: number }>(
  plan: Plan,
): Omit<Plan, 'checks'> & { checks: Record<string, Check> } {
  const standIn = { metric: 'errorRate', max: 0.01, window: plan.interval, failures: 2 } as const;
  const checks = Object.entries(plan.checks).map(([id, check]): [string, Check] =>
    isRule(check) ? [id, { ...standIn, minRequests: check.minRequests, mode: check.mode }] : [id, check],
  );
  return { ...plan, checks: Object.fromEntries(checks) };
}

/** The checks of a plan with what its alert rules say in their places, or why they cannot be taken. */
export function withRules(
  { checks, interval }: { checks: Checks; interval: number },
  read: RulesRead,
): { kind: 'taken'; checks: Record<string, Check> } | { kind: 'refused'; faults: PlanFault[] } {
  const all = Object.entries(checks).map(([id, check]) => {
    return { id, found: isRule(check) ? checkFor(check, read, interval) : check };
  });
  const faults = all.flatMap(({ id, found }) => ('why' in found ? [faultAt(id, found.why)] : []));
  if (faults.length > 0) return { kind: 'refused', faults };
  const taken = all.flatMap(({ id, found }) => ('why' in found ? [] : [[id, found]]));
  return { kind: 'taken', checks: Object.fromEntries(taken) };
}

/** Where the limits of a plan come from rules that cannot be about this canary. */
export function rulesOfOthers({ checks }: { checks: Record<string, Check> }, target: Target): PlanFault[] {
  return Object.entries(checks).flatMap(([id, check]) => {
    const why = check.metric === 'custom' ? null : misfitIn(check, target);
    return why === null ? [] : [faultAt(id, why)];
  });
}

function misfitIn({ fromRule, severity = 'critical' }: MeshCheck, target: Target): string | null {
  if (fromRule === undefined) return null;
  const { alert, expr } = fromRule;
  const found = recogniseRule({ alert, expr, labels: { severity } });
  const why = found.kind === 'refused' ? found.why : misfitOf(found.subject, labelsOf(target));
  return why === null ? null : `${nameOf(fromRule)} cannot be taken: ${why}`;
}

/** What the series of the canary say of whose they are, as far as its service and the labels of its pods tell. */
function labelsOf({ canary: { service, podLabels } }: Target): CanaryLabels {
  const { name, namespace } = service;
  return {
    destination_service: `${name}.${namespace}.svc.cluster.local`,
    destination_service_name: name,
    destination_service_namespace: namespace,
    destination_workload_namespace: namespace,
    namespace,
    destination_version: podLabels?.['version'],
    destination_app: podLabels?.['app'],
  };
}

type Refused = { why: string };

function checkFor(asked: RuleCheck, read: RulesRead, interval: number): Check | Refused {
  if (read.kind === 'unread') return { why: `the alert rules could not be read: ${read.why}` };
  const rule = ruleIn(asked.rule, read);
  if ('why' in rule) return rule;
  const { group, alert, expr, forSeconds, labels } = rule;
  const found = recogniseRule({ alert, expr, labels, for: `${forSeconds}s` });
  if (found.kind === 'refused') return { why: `${asked.rule} cannot be taken: ${found.why}` };
  return checkOf(asked, found, { interval, fromRule: { source: 'prometheus', group, alert, expr } });
}

const namesShown = 5;

function ruleIn(asked: string, { rules, gaps }: Extract<RulesRead, { kind: 'read' }>): KnownRule | Refused {
  const [first, ...others] = rules.filter((rule) => nameOf(rule) === asked);
  if (first === undefined) {
    const names = [...new Set(rules.map(nameOf))];
    const more = names.length > namesShown ? ', ...' : '';
    const some =
      names.length === 0 ? 'it has none' : `it has ${names.slice(0, namesShown).join(', ')}${more}`;
    return { why: `Prometheus has no alert rule ${asked}: ${[some, ...gaps].join('; ')}` };
  }
  if (others.every((other) => isSame(first, other))) return first;
  return { why: `Prometheus has several alert rules ${asked}, and they differ: give each a name of its own` };
}

function isSame(one: KnownRule, other: KnownRule): boolean {
  const said = ({ expr, forSeconds, labels }: KnownRule) =>
    JSON.stringify([expr, forSeconds, labels['severity'] ?? null]);
  return said(one) === said(other);
}

const mostFailures = 100;

/** Thresholds count measurements where the rule counts seconds. */
function checkOf(
  { rule, minRequests, mode }: RuleCheck,
  { limit, windowSeconds, forSeconds, severity }: RecognisedLimit,
  { interval, fromRule }: { interval: number; fromRule: FromRule },
): Check | Refused {
  if (limit.metric === 'latency') {
    const why = `it limits the ${limit.quantile} quantile of the latency, and a check is on the P99`;
    return { why: `${rule} cannot be taken: ${why}` };
  }
  const failures = Math.min(mostFailures, Math.max(2, Math.ceil(forSeconds / interval)));
  const lasting = forSeconds > 0 ? { for: forSeconds } : {};
  const judged = { ...limit, window: windowSeconds, failures, minRequests, severity, ...lasting, fromRule };
  const check = Check.safeParse(mode === undefined ? judged : { ...judged, mode });
  if (check.success) return check.data;
  return { why: `${rule} cannot be taken: ${check.error.issues[0]?.message ?? 'it is no check of a plan'}` };
}

function faultAt(id: string, message: string): PlanFault {
  return { path: ['checks', id, 'rule'], code: 'plan-inconsistent', message };
}

/** How a rule is told from others. */
export function nameOf({ group, alert }: Pick<FromRule, 'group' | 'alert'>): string {
  return `${group}/${alert}`;
}
