import { z } from 'zod';
import { unfitToDecide } from '../rollout/answer-approval.ts';
import { pendingIn } from '../rollout/approval.ts';
import { type Command, DecisionBody } from '../rollout/command.ts';
import type { RolloutEntry } from '../rollout/ports/store.ts';
import type { Actor } from '../rollout/reasons.ts';
import { isScheduled } from '../rollout/rollout.ts';
import type { RolloutService } from '../rollout/service.ts';
import { act, commandProblems } from './actions.ts';
import { ApprovalOnWire, renderApproval } from './approval-wire.ts';
import { actorOf } from './authenticate.ts';
import { acceptedHeaders, IdempotencyHeaders } from './idempotency.ts';
import { negotiate } from './negotiate.ts';
import { renderSummary } from './render-rollout.ts';
import { type ApiServer, json, NoQuery, RolloutPath } from './route.ts';
import { nothingHere } from './validation.ts';
import { RolloutOnWire, RolloutSummaryOnWire } from './wire.ts';

const ApprovalId = z
  .string()
  .regex(/^ap-\d{1,3}-\d{1,9}$/)
  .meta({ description: 'The id of a request for approval.', examples: ['ap-2-5'] });

const decideSchema = {
  operationId: 'decideApproval',
  summary: 'Approve or reject what a rollout waits for',
  description:
    'A person other than the one who asked for the rollout. One rejection rolls back. The id is bound to the step and revision that you saw: on anything newer it is refused.',
  tags: ['approvals'],
  params: RolloutPath.extend({ approvalId: ApprovalId }),
  querystring: NoQuery,
  headers: IdempotencyHeaders,
  body: DecisionBody.describe('`comment` goes into the audit log.'),
  response: { 201: json('The decision is written down and carried out next.', RolloutOnWire) },
};

const listSchema = {
  operationId: 'listApprovals',
  summary: "A rollout's requests for approval",
  tags: ['approvals'],
  params: RolloutPath,
  querystring: NoQuery,
  response: {
    200: json('The oldest first.', z.object({ data: z.array(ApprovalOnWire) }).meta({ id: 'ApprovalList' })),
  },
};

const Waiting = z
  .object({
    data: z.array(
      z.object({
        rollout: RolloutSummaryOnWire,
        approval: ApprovalOnWire,
        mayDecide: z.boolean().describe('Whether the caller may decide.'),
        why: z.string().nullable().describe('Why the caller may not.'),
      }),
    ),
  })
  .meta({ id: 'ApprovalInbox' });

const inboxSchema = {
  operationId: 'listPendingApprovals',
  summary: 'Everything that waits for an approval',
  description: 'At most 200, the newest rollout first.',
  tags: ['approvals'],
  querystring: NoQuery,
  response: { 200: json('What waits.', Waiting) },
};

const problems = [
  'invalid-transition',
  'stale-view',
  'self-approval',
  'approver-not-a-person',
  'already-decided',
  ...commandProblems,
] as const;

const bodyExample = { decision: 'approve', comment: 'CHG0041234: error budget is fine' };

/** The approvals of a rollout, what is decided on them, and the inbox of all. */
export function approvalRoutes(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'POST',
    url: '/v1/rollouts/:id/approvals/:approvalId/decisions',
    config: { problems, answerHeaders: { 201: acceptedHeaders }, bodyExample },
    schema: decideSchema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { id, approvalId } = request.params;
      const { decision, ...said } = request.body;
      const command: Command = { action: decision, approval: approvalId, ...said };
      return act(service, { id, command, status: 201 }, request, reply);
    },
  });
  app.route({
    method: 'GET',
    url: '/v1/rollouts/:id/approvals',
    config: { problems: ['not-found', 'not-acceptable', 'rollout-unreadable'] },
    schema: listSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const seen = await service.find(request.params.id);
      if (seen === null) throw nothingHere();
      const { rollout } = seen;
      const approvals = isScheduled(rollout) ? [] : rollout.approvals;
      return { data: approvals.map((approval) => renderApproval(rollout.id, approval)) };
    },
  });
  app.route({
    method: 'GET',
    url: '/v1/approvals',
    config: { problems: ['not-acceptable'] },
    schema: inboxSchema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const { entries, now } = await service.entries({ statuses: ['awaiting_approval'], limit: 200 });
      const actor = actorOf(request);
      return { data: entries.flatMap((entry) => waiting(entry, actor, now)) };
    },
  });
}

/** Nothing for a row that this version cannot read: only a newer one knows what it asks for. */
function waiting(entry: RolloutEntry, actor: Actor, now: number): z.output<typeof Waiting>['data'] {
  if (entry.kind === 'unreadable' || isScheduled(entry.rollout)) return [];
  const { rollout, trouble } = entry;
  const approval = pendingIn(rollout.approvals);
  if (approval === null) return [];
  const refusal = unfitToDecide(rollout, approval, actor);
  return [
    {
      rollout: renderSummary(rollout, now, trouble),
      approval: renderApproval(rollout.id, approval),
      mayDecide: refusal === null,
      why: refusal?.message ?? null,
    },
  ];
}
