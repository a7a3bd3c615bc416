import { breakGlassRollback } from './break-glass.ts';
import { checklist } from './checklist.ts';
import type { Command } from './command.ts';
import { doctor } from './doctor.ts';
import { judgeReplay } from './judge-replay.ts';
import { mtls } from './mtls.ts';
import { planInit } from './plan-init.ts';
import { planLimits } from './plan-limits.ts';
import { planPreview } from './plan-preview.ts';
import { planValidate } from './plan-validate.ts';
import { preflight } from './preflight.ts';
import { trafficPreview } from './traffic-preview.ts';
import { version } from './version.ts';

/** Every command but `help`, which is made of this table. To add one: a file that exports it, and a line here. */
export const commands: readonly Command[] = [
  planValidate,
  planPreview,
  planInit,
  planLimits,
  preflight,
  checklist,
  mtls,
  trafficPreview,
  judgeReplay,
  doctor,
  breakGlassRollback,
  version,
];
