import { z } from 'zod';
import type { MeshFailure } from '../rollout/ports/mesh.ts';

/** What came back from one request to a Kubernetes API server, before anybody knows what it means for the mesh. */
export type ApiAnswer =
  | { kind: 'ok'; body: unknown }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'broken'; how: keyof typeof brokenReasons; why: string };

/** A status code above 399. `status` is the Status object of the body; null when a proxy or a bare path answered. */
export type Refusal = { code: number; status: ApiStatus | null; retryAfter: string | null };

export const ApiStatus = z.looseObject({
  kind: z.literal('Status'),
  message: z.string().optional(),
  reason: z.string().optional(),
  details: z.looseObject({ causes: z.array(z.unknown()).optional() }).optional(),
});
export type ApiStatus = z.infer<typeof ApiStatus>;

export type Read<Value> =
  | { kind: 'found'; value: Value }
  | { kind: 'missing' }
  /** The cluster does not serve this API at all. */
  | { kind: 'notServed' }
  | MeshFailure;

export type Written<Value> =
  | { kind: 'written'; value: Value }
  | { kind: 'conflict' }
  | { kind: 'missing' }
  | { kind: 'notServed' }
  | { kind: 'ambiguous'; why: string }
  | MeshFailure;

/** Reads the answer to a GET; a body that is not what `schema` says is a failure, whatever its status code. */
export function readAnswer<Value>(answer: ApiAnswer, schema: z.ZodType<Value>): Read<Value> {
  if (answer.kind === 'broken') return unavailable(brokenReasons[answer.how], answer.why);
  if (answer.kind === 'refused') return refusedRead(answer.refusal);
  const parsed = schema.safeParse(answer.body);
  return parsed.success
    ? { kind: 'found', value: parsed.data }
    : unavailable('unreadable', describe(parsed.error));
}

/**
 * Reads the answer to a PATCH. Whatever leaves open whether the server has written it is `ambiguous`: a lost or
 * unreadable answer, and every 5xx (etcd may have committed before its own answer was lost).
 */
export function writtenAnswer<Value>(answer: ApiAnswer, schema: z.ZodType<Value>): Written<Value> {
  if (answer.kind === 'broken') return brokenWrite(answer.how, answer.why);
  if (answer.kind === 'refused') return refusedWrite(answer.refusal);
  const parsed = schema.safeParse(answer.body);
  return parsed.success
    ? { kind: 'written', value: parsed.data }
    : { kind: 'ambiguous', why: describe(parsed.error) };
}

export function unavailable(reason: MeshFailure['reason'], why: string): MeshFailure {
  return { kind: 'unavailable', reason, why };
}

/** How a request came to nothing; the first two never left. */
const brokenReasons = {
  notStarted: 'timeout',
  notSent: 'unreachable',
  timeout: 'timeout',
  lost: 'unreachable',
  unreadable: 'unreadable',
} as const;

function refusedRead(refusal: Refusal): Exclude<Read<never>, { kind: 'found' }> {
  if (refusal.code === 404) return refusal.status === null ? { kind: 'notServed' } : { kind: 'missing' };
  return unavailable(reasonOf(refusal), sentence(refusal));
}

function brokenWrite(
  how: keyof typeof brokenReasons,
  why: string,
): Exclude<Written<never>, { kind: 'written' }> {
  const hasLeft = how !== 'notStarted' && how !== 'notSent';
  return hasLeft ? { kind: 'ambiguous', why } : unavailable(brokenReasons[how], why);
}

function refusedWrite(refusal: Refusal): Exclude<Written<never>, { kind: 'written' }> {
  if (isConflict(refusal)) return { kind: 'conflict' };
  if (refusal.code >= 500) return { kind: 'ambiguous', why: sentence(refusal) };
  return refusedRead(refusal);
}

/**
 * Besides 409, a 422 without causes: the patch is applied before its resourceVersion is compared, so one whose paths
 * are gone since it was made is refused as invalid, without a word on the operation that failed.
 */
function isConflict({ code, status }: Refusal): boolean {
  if (code === 422) return status !== null && (status.details?.causes ?? []).length === 0;
  return code === 409;
}

function reasonOf({ code, status }: Refusal): MeshFailure['reason'] {
  // An admission webhook's denial is a 400 without a reason; the API server's own 400 has one.
  if (code === 400 && status !== null) return status.reason === undefined ? 'denied' : 'invalid';
  if (code >= 500) return 'serverError';
  return reasonsByCode.get(code) ?? 'invalid';
}

const reasonsByCode = new Map<number, MeshFailure['reason']>([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [429, 'throttled'],
]);

function sentence({ code, status, retryAfter }: Refusal): string {
  const message = status?.message === undefined ? '' : `: ${oneLine(status.message)}`;
  const wait = retryAfter === null ? '' : `; try again after ${retryAfter} s`;
  return `the API server answered ${code}${message}${wait}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500);
}

function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  const path = issue?.path.join('.') || 'the body';
  return `the API server's answer is not readable: ${path}: ${issue?.message ?? 'not understood'}`;
}
