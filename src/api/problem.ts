import { z } from 'zod';
import { type Kind, problemKinds, type Slug } from './problems.ts';
import { ActionName, clip, ExplanationOnWire, untouched } from './wire-parts.ts';

export const FieldFault = z.object({
  pointer: z.string().describe('JSON Pointer into the body, or the name of a query parameter or header.'),
  code: z.string(),
  detail: z.string(),
});
export type FieldFault = z.output<typeof FieldFault>;

const Part = z.object({ ok: z.boolean(), why: z.string().optional() });

function example() {
  const { status, title } = problemKinds['plan-invalid'];
  const fault = {
    pointer: '/plan/steps/2/weight',
    code: 'weight-not-increasing',
    detail: 'step 3 sets 20 % after 25 % was reached; each weight is above the one before',
  };
  return {
    type: '/problems/plan-invalid',
    title,
    status,
    detail: '1 part is wrong. Nothing was done.',
    instance: '/v1/rollouts',
    requestId: 'req_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
    errors: [fault],
  };
}

/** RFC 9457 problem details; clients branch on `type` only. */
export const Problem = z
  .object({
    type: z.string().describe('Stable: `/problems/<slug>`, and a page about the problem when fetched.'),
    title: z.string().describe('The same for every problem of this type.'),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What happened here, for a person.'),
    instance: z.string().describe('The path of the request.'),
    requestId: z.string().describe('Also in the `x-request-id` header and in the log.'),
    errors: z.array(FieldFault).optional().describe('The faults of the request, one by one.'),
    current: z
      .object({ status: z.string(), revision: z.int(), stepIndex: z.int().nullable() })
      .optional()
      .describe('Where the rollout stands now.'),
    allowedActions: z.array(ActionName).optional().describe('Actions that the rollout accepts now.'),
    activeRollout: z.string().optional().describe('The path of the rollout that holds the VirtualService.'),
    explanation: ExplanationOnWire.optional(),
    parts: z.record(z.string(), Part).optional().describe('Of `/readyz`: what answers and what does not.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.', examples: [example()] });
export type Problem = z.output<typeof Problem>;

type ProblemFacts = Omit<
  z.output<typeof Problem>,
  'type' | 'title' | 'status' | 'detail' | 'instance' | 'requestId'
>;

/** A request that is answered with a problem; thrown by handlers and turned into an answer in one place. */
export class ProblemError extends Error {
  readonly slug: Slug;
  readonly facts: ProblemFacts;
  /** Headers of the answer beyond those that its kind always has. */
  readonly headers: Record<string, string>;

  constructor(slug: Slug, detail: string, facts: ProblemFacts = {}, headers: Record<string, string> = {}) {
    super(detail);
    this.name = 'ProblemError';
    this.slug = slug;
    this.facts = facts;
    this.headers = headers;
  }
}

/** The body for a problem, as RFC 9457 says; `instance` is the request's path without its query. */
export function problemBody(error: ProblemError, instance: string, requestId: string): Problem {
  const { status, title } = problemKinds[error.slug];
  const head = { type: `/problems/${error.slug}`, title, status, detail: error.message };
  const explanation = faultsOfRequest.has(error.slug)
    ? { explanation: untouched(error.message, problemKinds[error.slug].mend) }
    : {};
  return Problem.parse({ ...head, instance: clip(instance), requestId, ...explanation, ...error.facts });
}

/** Refusals for what was sent, which come before anything was done. */
const faultsOfRequest = new Set<Slug>([
  'malformed-request',
  'forbidden-key',
  'payload-too-large',
  'unsupported-media-type',
  'validation-error',
  'plan-invalid',
  'plan-inconsistent',
]);

/** Headers that go with every problem of a kind. */
export function problemHeaders(error: ProblemError): Record<string, string> {
  const kind: Kind = problemKinds[error.slug];
  const wait = kind.retryAfterSeconds;
  return { ...(wait === undefined ? {} : { 'retry-after': String(wait) }), ...error.headers };
}
