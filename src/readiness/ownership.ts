import type { Check } from './check.ts';
import { nothingUndoes } from './ownership/git-ops.ts';
import { nothingHolds } from './ownership/holds.ts';
import { oneRollout } from './ownership/locks.ts';
import { noOtherOwner } from './ownership/other-owners.ts';
import { rightsGiven, versionServed } from './ownership/rights.ts';

/** Whether canaryd may move the routes, and nobody else does. */
export const ownershipChecks: readonly Check[] = [
  nothingUndoes,
  noOtherOwner,
  rightsGiven,
  versionServed,
  oneRollout,
  nothingHolds,
];
