import { z } from 'zod';
import type { Stack } from '../local/stack.ts';

const Measured = z.looseObject({
  kind: z.string(),
  value: z.number().nullable(),
  requests: z.number().nullable(),
});

const Check = z.looseObject({
  id: z.string(),
  unit: z.string(),
  limit: z.number(),
  verdict: z.string().nullable(),
  canary: Measured.nullable(),
  stable: Measured.nullable(),
  failuresInARow: z.number(),
  failuresToRollBack: z.number(),
  measuredAt: z.string().nullable(),
});
export type CheckSeen = z.infer<typeof Check>;

const Step = z.looseObject({
  type: z.string(),
  weight: z.number().optional(),
  duration: z.number().optional(),
  bake: z.number().optional(),
});
export type StepSeen = z.infer<typeof Step>;

export const Rollout = z.looseObject({
  id: z.string(),
  status: z.string(),
  statusReason: z.string().nullable(),
  target: z.looseObject({ namespace: z.string(), virtualService: z.string(), route: z.string().nullable() }),
  versions: z.looseObject({ stable: z.string(), canary: z.string() }),
  plan: z.looseObject({ name: z.string(), steps: z.array(Step) }),
  step: z.looseObject({ index: z.number(), total: z.number(), type: z.string() }).nullable(),
  requestedBy: z.looseObject({ name: z.string() }),
  reason: z.string().nullable(),
  createdAt: z.string(),
  allowedActions: z.array(z.string()),
  weight: z.looseObject({
    desired: z.number(),
    applied: z.number(),
    /** What the callers really send to the canary; absent where canaryd does not measure it. */
    observed: z.number().nullable().optional(),
  }),
  explanation: z.looseObject({ what: z.string(), traffic: z.string(), next: z.string() }),
  checks: z.array(Check),
  outcome: z
    .looseObject({
      cause: z.string().nullable(),
      check: z.string().nullable(),
      unit: z.string().nullable(),
      value: z.number().nullable(),
      limit: z.number().nullable(),
      requests: z.number().nullable(),
      stuck: z.string().nullable(),
    })
    .nullable(),
});
export type RolloutSeen = z.infer<typeof Rollout>;

const ended = ['succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'];

/** True for a release that nothing happens to any more. */
export function hasEnded({ status }: RolloutSeen): boolean {
  return ended.includes(status);
}

const Event = z.looseObject({
  seq: z.number(),
  at: z.string(),
  type: z.string(),
  message: z.string(),
  facts: z.record(z.string(), z.unknown()),
});
export type EventSeen = z.infer<typeof Event>;
const Events = z.looseObject({ data: z.array(Event) });

const callMs = 10_000;

/** What the demo asks of canaryd, over HTTP like any other client. Throws with the problem's detail when it is refused. */
export function clientOf({ api, token }: Pick<Stack, 'api' | 'token'>) {
  async function send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(callMs),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const { status, text } = await send(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text}`);
    return JSON.parse(text);
  }

  return {
    create: async (body: unknown) => Rollout.parse(await call('POST', '/v1/rollouts', body)),
    /** Answers also a refusal: its status and its problem. */
    act: async (id: string, action: string, body?: unknown) =>
      send('POST', `/v1/rollouts/${id}/actions/${action}`, body),
    find: async (id: string) => Rollout.parse(await call('GET', `/v1/rollouts/${id}`)),
    eventsAfter: async (id: string, seq: number) =>
      Events.parse(await call('GET', `/v1/rollouts/${id}/events?after=${seq}&limit=100`)).data,
  };
}
