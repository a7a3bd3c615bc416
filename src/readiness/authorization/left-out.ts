import type { Comparison, Side } from '../arms.ts';
import type { Failure } from '../finding.ts';
import { nameOf } from '../select.ts';
import { type Action, type Group, rulesOf } from './policies.ts';
import { allowsNothing, standingOf } from './standing.ts';

type Meaning = Pick<Failure, 'severity' | 'means'>;
type LeftOut = Extract<Comparison, { kind: 'leftOut' }>;
type Unequal = LeftOut | Extract<Comparison, { kind: 'alike' | 'mixed' | 'unsure' }>;
type Known = Group & { action: Action };

const refused = '403 "RBAC: access denied"';

/** What it means for the rollout that these policies do not treat the arms alike. */
export function meaningOf(
  group: Known,
  comparison: Unequal,
  groups: readonly Group[],
  rootNamespace: string,
): Meaning {
  if (comparison.kind !== 'leftOut') {
    return {
      severity: 'warn',
      means: 'whether a request meets its rules depends on the pod, in both versions',
    };
  }
  if (group.action === 'ALLOW') return allowing(group, comparison, groups, rootNamespace);
  if (rulesOf(group.first).length === 0) {
    return {
      severity: 'info',
      means: 'it has no rules and does nothing today; with the first rule the versions would differ',
    };
  }
  const { selected, left } = comparison;
  const asker = nameOf(group.first.metadata);
  return left.role === 'canary'
    ? canaryLeftOut(group.action, selected, left, asker)
    : stableLeftOut(group.action, selected, left, asker);
}

function canaryLeftOut(
  action: 'DENY' | 'CUSTOM' | 'AUDIT',
  stable: Side,
  canary: Side,
  name: string,
): Meaning {
  switch (action) {
    case 'DENY':
      return {
        severity: 'error',
        means: `requests that ${stable.version} denies because of ${name} get through to ${canary.version} as soon as it has traffic`,
      };
    case 'CUSTOM':
      return {
        severity: 'error',
        means: `${stable.version} asks the external authorizer of ${name} and ${canary.version} does not: requests that it would refuse get through to ${canary.version}`,
      };
    case 'AUDIT':
      return {
        severity: 'warn',
        means: `requests to ${canary.version} are not marked for the audit that ${name} asks of ${stable.version}: each share moved is missing there`,
      };
  }
}

function stableLeftOut(
  action: 'DENY' | 'CUSTOM' | 'AUDIT',
  canary: Side,
  stable: Side,
  name: string,
): Meaning {
  switch (action) {
    case 'DENY':
      return {
        severity: 'error',
        means: `${canary.version} denies with ${refused} what ${name} names, and ${stable.version} answers it: these requests fail on each share moved`,
      };
    case 'CUSTOM':
      return {
        severity: 'error',
        means: `${canary.version} asks the external authorizer of ${name} for what ${stable.version} answers by itself: its refusals and its latency come with each share moved`,
      };
    case 'AUDIT':
      return {
        severity: 'warn',
        means: `requests to ${canary.version} are marked for the audit of ${name} and those to ${stable.version} are not: what goes back is missing there`,
      };
  }
}

/** An ALLOW policy also closes what it selects, so what its absence means depends on the others. */
function allowing(
  group: Known,
  { selected, left }: LeftOut,
  groups: readonly Group[],
  root: string,
): Meaning {
  const others = groups.filter((other) => other !== group);
  const atLeft = standingOf(left, others, root);
  const atSelected = standingOf(selected, groups, root);
  if (atLeft.kind === 'closed' && !allowsNothing(group)) return denied(group, selected, left, atLeft.by);
  if (atLeft.kind === 'open' && atSelected.kind === 'closed') return open(selected, left, atLeft.by);
  const why =
    atLeft.kind === 'closed'
      ? `${left.version} is closed by ${atLeft.by} as well`
      : `${selected.version} and ${left.version} are open to everybody`;
  return {
    severity: 'info',
    means: `it makes no difference today (${why}), but would without the other policies`,
  };
}

function denied({ first }: Known, selected: Side, left: Side, by: string): Meaning {
  const name = nameOf(first.metadata);
  const what = `requests that only ${name} allows`;
  const why = `${left.version} denies by default, because ${by} selects it`;
  return {
    severity: 'error',
    means:
      left.role === 'canary'
        ? `${why}: ${what} are answered by ${selected.version} and get ${refused} from ${left.version}, so they fail on each share moved`
        : `${why}: ${what} are answered by ${selected.version} only; callers that rely on it get ${refused} when traffic goes back to ${left.version}`,
  };
}

function open(selected: Side, left: Side, by: string | null): Meaning {
  const why =
    by === null ? `no ALLOW policy selects ${left.version}` : `${by} allows everything on ${left.version}`;
  return {
    severity: 'error',
    means:
      left.role === 'canary'
        ? `${why}, so it is open to every workload that can reach it: callers that ${selected.version} denies get through to ${left.version} as soon as it has traffic`
        : `${why}, so every caller gets through to it, while ${selected.version} denies what no policy allows: callers that nobody listed get ${refused} on each share moved`,
  };
}
