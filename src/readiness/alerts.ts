import { budgetsLeft } from './alerts/error-budgets.ts';
import { nothingFires } from './alerts/firing.ts';
import { limitsAreStricter } from './alerts/limits.ts';
import { rulesWatch } from './alerts/rules.ts';
import { nothingIsSilenced } from './alerts/silences.ts';
import type { Check } from './check.ts';

/** Whether people are told of the service's faults, and of none already. */
export const alertChecks: readonly Check[] = [
  rulesWatch,
  nothingFires,
  nothingIsSilenced,
  limitsAreStricter,
  budgetsLeft,
];
