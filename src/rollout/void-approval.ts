import { type Approval, pendingIn } from './approval.ts';
import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';

/** The audit event of a request that nobody need answer any more; none when nothing was asked. `why` is a sentence. */
export function voided(approvals: Approval[], why: string): AuditEvent[] {
  const request = pendingIn(approvals);
  if (request === null) return [];
  const facts = { approval: request.id, step: request.step };
  return [event('approval.void', `approval ${request.id} is void: ${why}`, facts)];
}
