import type { Check } from './check.ts';
import { canaryCarriesShare } from './workload/capacity.ts';
import { labelsTellVersions } from './workload/identity-labels.ts';
import { imagesAreFixed } from './workload/images.ts';
import { likeForLike } from './workload/like-for-like.ts';
import { noRestarts } from './workload/restarts.ts';
import { stableTakesAllBack } from './workload/way-back.ts';

/** Whether the pods of both versions can carry what they are sent, and can be told apart. */
export const workloadChecks: readonly Check[] = [
  canaryCarriesShare,
  likeForLike,
  imagesAreFixed,
  labelsTellVersions,
  noRestarts,
  stableTakesAllBack,
];
