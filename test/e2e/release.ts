import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { clientOf, type RolloutSeen } from '../../demo/client.ts';
import { demoPlan } from '../../demo/scenarios.ts';
import type { Stack } from '../../local/stack.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Access, ask } from './ask.ts';

const patienceMs = 90_000;
const ended = ['succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'];

/**
 * As short as is honest: each weight is watched for a whole window and one scrape. The limit leaves room for a single
 * error among few requests.
 */
export const briefPlan = {
  name: 'brief',
  interval: '1s',
  deadline: '2m',
  checks: {
    errors: { metric: 'errorRate', max: '5%', window: '4s', failures: 2, minRequests: 20 },
    p99: { metric: 'p99LatencyMs', max: 2000, window: '4s', failures: 2, minRequests: 20 },
  },
  steps: [
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '4s' },
    { type: 'promote', bake: '4s' },
  ],
} as const;

/** What payment-service is released by. */
export function payment(subset: string) {
  return { namespace: 'payment-prod', virtualService: 'payment-service', canary: { subset } };
}

/** What refund-service is released by: its destinations keep their names. */
export const refund = { namespace: 'payment-prod', virtualService: 'refund-service' };

/** One release of payment-service over REST. */
export async function release(stack: Stack, canary: string, plan: object = demoPlan) {
  return begin(stack, { target: payment(canary), plan });
}

/** Begins a release over REST. */
export async function begin(access: Access, asked: { target: object; plan: object; reason?: string }) {
  const { id } = await clientOf(access).create(asked);
  return follow(access, id);
}

/** The questions that tests ask about a rollout, and what people do with it. */
export function follow(access: Access, id: string) {
  const client = clientOf(access);
  const path = `/v1/rollouts/${id}`;

  async function until(what: string, holds: (rollout: RolloutSeen) => boolean): Promise<RolloutSeen> {
    const give = Date.now() + patienceMs;
    while (Date.now() < give) {
      const rollout = await client.find(id).catch(() => null);
      if (rollout !== null && holds(rollout)) return rollout;
      if (rollout !== null && ended.includes(rollout.status))
        expect.fail(`${what}: it ended: ${rollout.explanation.what}`);
      await wait(50);
    }
    return expect.fail(`${what}: not within ${patienceMs / 1000} s`);
  }

  return {
    id,
    path,
    until,
    untilWeight: (applied: number) =>
      until(`${applied} % is applied`, (rollout) => rollout.weight.applied === applied),
    untilStatus: (status: string) => until(`it is ${status}`, (rollout) => rollout.status === status),
    untilReason: (reason: string) =>
      until(`its reason is ${reason}`, ({ statusReason }) => statusReason === reason),
    /** Until a sentence about what happens holds this. */
    untilSaid: (part: string) =>
      until(`it says "${part}"`, ({ explanation }) => explanation.what.includes(part)),
    find: () => client.find(id),
    act: (action: string, body?: object) => client.act(id, action, body),
    exitCode: async () => (await ask(access, `${path}/status`)).body['exitCode'],
    events: () => client.eventsAfter(id, 0),
    async messages(): Promise<string[]> {
      return (await client.eventsAfter(id, 0)).map((event) => event.message);
    },
    async types(): Promise<string[]> {
      return (await client.eventsAfter(id, 0)).map((event) => event.type);
    },
  };
}

/** The weights of a service that stand in the mesh, by version; payment-service's when none is named. */
export function weights({ sandbox }: Stack, service?: string): Record<string, number> {
  return sandbox.traffic.weightsNow(service);
}

/** Another hand writes these weights, in the order of the route, and leaves everything else as it is. */
export function moveWeights({ sandbox }: Stack, shares: Record<string, number>): void {
  const key = { type: virtualServices, namespace: 'payment-prod', name: 'payment-service' };
  const object = JSON.stringify(sandbox.store.get(key));
  const moved = Object.entries(shares).reduce(
    (text, [subset, weight]) => text.replace(weightOf(subset), `"subset":"${subset}"},"weight":${weight}`),
    object,
  );
  sandbox.store.update(key, JSON.parse(moved), 'kubectl-edit');
}

function weightOf(subset: string): RegExp {
  return new RegExp(`"subset":"${subset}"\\},"weight":\\d+`);
}

/** Waits for the end and tells the status it came to. */
export async function statusAtEnd(access: Access, id: string): Promise<string> {
  const client = clientOf(access);
  const give = Date.now() + patienceMs;
  while (Date.now() < give) {
    const { status } = await client.find(id);
    if (ended.includes(status)) return status;
    await wait(100);
  }
  return 'still on its way';
}
