import { createHash } from 'node:crypto';
import { canonicalJson } from '../rollout/canonical.ts';
import type { StoredPlan, WrittenPlan } from '../rollout/plan.ts';

/** `sha256:` and 64 hex digits over a text in UTF-8. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** The digest of a plan: the same content gives the same one, however it was written. */
export function planDigest(plan: StoredPlan | WrittenPlan): string {
  return sha256(canonicalJson(plan));
}
