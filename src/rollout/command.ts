import { z } from 'zod';

const Reason = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\P{Cc}*$/u, { error: 'a reason is one line without control characters' });

/** The view a person acted on; when it is no longer true the command is refused instead of guessed at. */
const Expectation = z.strictObject({
  stepIndex: z.int().min(0).optional(),
  revision: z.int().min(1).optional(),
});

const base = { reason: Reason.optional(), expect: Expectation.optional() };
const override = z
  .array(z.enum(['checks']))
  .length(1, { error: 'write ["checks"], or leave it out' })
  .optional()
  .describe('Goes on although the checks have not passed; needs a reason.');

/** The bodies of `POST /v1/rollouts/{id}/actions/{action}`. */
export const commandBodies = {
  pause: z.strictObject(base),
  resume: z.strictObject({
    ...base,
    drift: z
      .enum(['adopt', 'reassert'])
      .optional()
      .describe('After a drift: go on from the weight found, or restore ours.'),
  }),
  advance: z.strictObject({ ...base, override }),
  promote: z.strictObject({ ...base, override }),
  rollback: z.strictObject(base),
  cancel: z.strictObject(base),
} as const;

/** The body of `POST /v1/rollouts/{id}/approvals/{approvalId}/decisions`. */
export const DecisionBody = z.strictObject({
  decision: z.enum(['approve', 'reject'], { error: 'write approve or reject' }),
  comment: Reason.optional().describe('Goes into the audit log.'),
  expect: Expectation.optional(),
});

type OnRollout = {
  [Name in keyof typeof commandBodies]: { action: Name } & z.infer<(typeof commandBodies)[Name]>;
}[keyof typeof commandBodies];

/** A person's word on a request for approval; `approval` is the request's id. */
export type Decide = Pick<z.infer<typeof DecisionBody>, 'comment' | 'expect'> & {
  action: 'approve' | 'reject';
  approval: string;
};
export type Command = OnRollout | Decide;
export type Action = Command['action'];

/** Why a command was refused; a closed list that becomes the problem's type. */
export type RefusalCode =
  | 'invalid-transition'
  | 'stale-view'
  | 'gate-not-ready'
  | 'drift-undecided'
  | 'override-needs-reason'
  | 'approval-required'
  | 'self-approval'
  | 'approver-not-a-person'
  | 'already-decided'
  | 'no-way-back';
export type Refusal = { code: RefusalCode; message: string };
