import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { clientOf, type RolloutSeen } from '../../demo/client.ts';
import { demoPlan } from '../../demo/scenarios.ts';
import type { Stack } from '../../local/stack.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';

const patienceMs = 90_000;
const ended = ['succeeded', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'];

/** One release of payment-service over REST, and the questions that tests ask about it. */
export async function release(stack: Stack, canary: string, plan: object = demoPlan) {
  const client = clientOf(stack);
  const target = { namespace: 'payment-prod', virtualService: 'payment-service', canary: { subset: canary } };
  const { id } = await client.create({ target, plan });

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
    until,
    untilWeight: (applied: number) =>
      until(`${applied} % is applied`, (rollout) => rollout.weight.applied === applied),
    untilStatus: (status: string) => until(`it is ${status}`, (rollout) => rollout.status === status),
    act: (action: string, body?: object) => client.act(id, action, body),
    async messages(): Promise<string[]> {
      return (await client.eventsAfter(id, 0)).map((event) => event.message);
    },
    async types(): Promise<string[]> {
      return (await client.eventsAfter(id, 0)).map((event) => event.type);
    },
  };
}

/** The weights that stand in the mesh, by version. */
export function weights({ sandbox }: Stack): Record<string, number> {
  return sandbox.traffic.weightsNow();
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
export async function statusAtEnd(stack: Pick<Stack, 'api' | 'token'>, id: string): Promise<string> {
  const client = clientOf(stack);
  const give = Date.now() + patienceMs;
  while (Date.now() < give) {
    const { status } = await client.find(id);
    if (ended.includes(status)) return status;
    await wait(100);
  }
  return 'still on its way';
}
