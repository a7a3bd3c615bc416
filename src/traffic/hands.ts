import type { SplitView } from '../rollout/ports/mesh.ts';
import { gitOpsOf } from './gitops-marks.ts';
import { lastRouteWriter, lastSigner } from './last-writer.ts';

/** Whose hands an object shows: who last wrote its routes and our annotations, and the GitOps tool that it belongs to. */
export function handsOf(object: {
  metadata: { [field: string]: unknown };
}): Pick<SplitView, 'movedBy' | 'signedBy' | 'gitOps'> {
  const movedBy = lastRouteWriter(object);
  return { movedBy, signedBy: lastSigner(object), gitOps: gitOpsOf(object, movedBy) };
}
