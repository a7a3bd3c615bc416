import type { Check } from './check.ts';
import { clientTlsFits } from './destination-rule/client-tls.ts';
import { oneRuleDecides } from './destination-rule/deciding.ts';
import { originationHasAuthority } from './destination-rule/origination.ts';
import { ejectionLeavesPods, policiesAreEqual } from './destination-rule/policies.ts';
import { subsetsAreDisjoint, subsetsHaveReadyPods } from './destination-rule/subset-pods.ts';

/** PF-DR-01..07: whom the subsets select, and how callers treat them. */
export const destinationRuleChecks: readonly Check[] = [
  subsetsHaveReadyPods,
  subsetsAreDisjoint,
  oneRuleDecides,
  clientTlsFits,
  policiesAreEqual,
  ejectionLeavesPods,
  originationHasAuthority,
];
