import { z } from 'zod';
import { Actor } from './reasons.ts';
import { Millis } from './units.ts';

/** One person's word on a request for approval. */
const ApprovalDecision = z.strictObject({
  by: Actor,
  decision: z.enum(['approve', 'reject']),
  comment: z.string().nullable(),
  at: Millis,
});

/**
 * A request for approval. It is bound to the step and to the revision at which it was made, and its id says both, so
 * that a word on what somebody saw earlier never counts for what stands there now.
 */
export const Approval = z.strictObject({
  id: z.string(),
  step: z.number(),
  revision: z.number(),
  /** How many people have to approve. */
  count: z.number(),
  requestedAt: Millis,
  expiresAt: Millis,
  /** `void`: what was to be approved is no longer what stands there. */
  status: z.enum(['pending', 'approved', 'rejected', 'expired', 'void']),
  decisions: z.array(ApprovalDecision),
});
export type Approval = z.infer<typeof Approval>;

/** The request that waits for people; at most one does. */
export function pendingIn(approvals: Approval[]): Approval | null {
  return approvals.find(({ status }) => status === 'pending') ?? null;
}

/** The same requests with the pending one closed; a decision that came with it is added. */
export function closed(
  approvals: Approval[],
  status: Exclude<Approval['status'], 'pending'>,
  decision?: Approval['decisions'][number],
): Approval[] {
  if (pendingIn(approvals) === null) return approvals;
  return approvals.map((approval) => {
    if (approval.status !== 'pending') return approval;
    return { ...approval, status, decisions: [...approval.decisions, ...(decision ? [decision] : [])] };
  });
}
