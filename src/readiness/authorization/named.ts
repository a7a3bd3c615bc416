import type { AuthorizationPolicy } from '../objects.ts';
import { nameOf } from '../select.ts';
import { type Action, type Rule, rulesOf } from './policies.ts';

/** A policy that is in force, and what it does. */
export type Enforced = { policy: AuthorizationPolicy; action: Action };

/** A value that a rule names; `isExcepted` for the fields that begin with `not`. */
export type Named = Enforced & { value: string; path: string; index: number; isExcepted: boolean };

type Values = readonly string[] | null | undefined;
type Field = { path: string; values: Values; isExcepted: boolean };

/** Every value of the fields that `fieldsOf` takes out of each rule. A pattern names nobody in particular. */
export function namedBy(enforced: Enforced, fieldsOf: (rule: Rule) => Field[]): Named[] {
  return rulesOf(enforced.policy).flatMap((rule, index) =>
    fieldsOf(rule).flatMap(({ path, values, isExcepted }) =>
      (values ?? [])
        .filter((value) => !value.includes('*'))
        .map((value) => ({ ...enforced, value, index, isExcepted, path: `spec.rules[${index}].${path}` })),
    ),
  );
}

/** A field and the one that excepts from it. */
export function fieldPair(path: string, [values, notValues]: readonly [Values, Values]): Field[] {
  const at = path.lastIndexOf('.') + 1;
  const name = path.slice(at);
  const notPath = `${path.slice(0, at)}not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return [
    { path, values, isExcepted: false },
    { path: notPath, values: notValues, isExcepted: true },
  ];
}

/** Such as `rule 1 of AuthorizationPolicy payment-prod/allow-orders (ALLOW)`. */
export function ruleWords({ policy, action, index }: Pick<Named, 'policy' | 'action' | 'index'>): string {
  return `rule ${index + 1} of AuthorizationPolicy ${nameOf(policy.metadata)} (${action})`;
}

export function editing({ policy: { metadata } }: Pick<Named, 'policy'>): string {
  return `kubectl -n ${metadata.namespace ?? 'default'} edit authorizationpolicy ${metadata.name}`;
}

/** What comes of a name that nobody bears. */
export function emptyName({ action, isExcepted }: Named, versions: string): string {
  if (isExcepted) return `the exception holds for nobody by that name, on ${versions} alike`;
  switch (action) {
    case 'ALLOW':
      return `the rule allows nothing by that name: whom it is meant for gets 403 "RBAC: access denied" from ${versions} alike, and the canary would be judged by it`;
    case 'DENY':
      return `the rule denies nothing by that name: whom it is meant for gets through to ${versions} alike`;
    case 'CUSTOM':
    case 'AUDIT':
      return `the rule holds for nothing by that name, on ${versions} alike`;
  }
}
