import { gatewayCertificates } from './certificates/gateways.ts';
import { authorityLasts, noRotation } from './certificates/mesh.ts';
import { workloadsRotate } from './certificates/workloads.ts';
import type { Check } from './check.ts';

/** Whether any certificate that the rollout depends on ends, or is exchanged, while it runs. */
export const certificateChecks: readonly Check[] = [
  workloadsRotate,
  authorityLasts,
  gatewayCertificates,
  noRotation,
];
