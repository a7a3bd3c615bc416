import { z } from 'zod';
import type { Approval } from '../rollout/approval.ts';
import { ActorOnWire, Timestamp, timestamp } from './wire-parts.ts';

export const ApprovalOnWire = z
  .object({
    id: z.string().describe('Names the step and the revision that it was asked at.'),
    step: z.int().describe('Counted from 0.'),
    revision: z.int(),
    count: z.int().describe('People who have to approve.'),
    status: z.enum(['pending', 'approved', 'rejected', 'expired', 'void']),
    requestedAt: Timestamp,
    expiresAt: Timestamp.describe('When the rollout rolls back if too few have approved.'),
    decisions: z.array(
      z.object({
        by: ActorOnWire,
        decision: z.enum(['approve', 'reject']),
        comment: z.string().nullable(),
        at: Timestamp,
      }),
    ),
    links: z.object({ decide: z.string() }),
  })
  .meta({
    id: 'Approval',
    description: 'A request for approval. `void`: what was to be approved stands there no more.',
  });

/** A request for approval as callers see it. */
export function renderApproval(rolloutId: string, approval: Approval): z.output<typeof ApprovalOnWire> {
  const { requestedAt, expiresAt, decisions, ...rest } = approval;
  return {
    ...rest,
    requestedAt: timestamp(requestedAt),
    expiresAt: timestamp(expiresAt),
    decisions: decisions.map((decision) => ({ ...decision, at: timestamp(decision.at) })),
    links: { decide: `/v1/rollouts/${rolloutId}/approvals/${approval.id}/decisions` },
  };
}
