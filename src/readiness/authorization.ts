import { bothArms } from './authorization/both-arms.ts';
import { defaultDeny } from './authorization/default-deny.ts';
import { downstream } from './authorization/downstream.ts';
import { namesExist } from './authorization/names-exist.ts';
import { dryRuns, forbiddenAnswers } from './authorization/notes.ts';
import type { Check } from './check.ts';

/** Who may call the two versions, and whom they may call. */
export const authorizationChecks: readonly Check[] = [
  defaultDeny,
  bothArms,
  downstream,
  namesExist,
  dryRuns,
  forbiddenAnswers,
];
