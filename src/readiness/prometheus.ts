import type { Check } from './check.ts';
import { answersInTime, queriesAreCheap } from './prometheus/answers.ts';
import { limitsInBuckets } from './prometheus/buckets.ts';
import { enoughRequests } from './prometheus/data.ts';
import { labelsExist } from './prometheus/labels.ts';
import { countedOnce, failuresAreSeen } from './prometheus/series.ts';
import { windowsLongEnough } from './prometheus/windows.ts';

/** Whether what Prometheus answers can carry a decision about the canary. */
export const prometheusChecks: readonly Check[] = [
  answersInTime,
  enoughRequests,
  labelsExist,
  windowsLongEnough,
  limitsInBuckets,
  countedOnce,
  failuresAreSeen,
  queriesAreCheap,
];
