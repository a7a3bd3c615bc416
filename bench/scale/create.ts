import { setTimeout as wait } from 'node:timers/promises';
import type { Place } from './fleet.ts';
import type { Stack } from './stack.ts';

const intervalSeconds = 10;
/** Bakes are so much shorter than a run: a bake ends with a poll, and turns may be late. */
const shorterSeconds = 20;
/** Requests that are sent at a time. */
const atOnce = 8;
const answerMs = 20_000;
/** What is asked too much of says so, and is asked again. */
const attempts = 20;
const restMs = 500;

/**
 * Raises the weight every `seconds`, give or take an interval, for as long as a run can last: bakes that are shorter
 * than a run, and more of them than anybody waits for.
 */
export function planFor(seconds: number): object {
  const duration = Math.max(intervalSeconds, seconds - shorterSeconds);
  const steps = Array.from({ length: 24 }, (_, index) => [
    { type: 'setWeight', weight: index + 1 },
    { type: 'bake', duration },
  ]);
  const judged = { window: 10, failures: 2, minRequests: 100 };
  return {
    interval: intervalSeconds,
    deadline: 86_400,
    checks: {
      errorRate: { metric: 'errorRate', max: 0.01, ...judged },
      p99: { metric: 'p99LatencyMs', max: 2000, ...judged },
    },
    steps: [...steps.flat(), { type: 'promote' }],
  };
}

/**
 * Starts a rollout of each service over the API, spread over one interval of the plan or, where that is too fast for
 * it, as fast as they are answered. Throws with the problem when one is refused for good.
 */
export async function createAll({ api, token }: Stack, fleet: Place[], seconds: number): Promise<void> {
  const plan = planFor(seconds);
  const begun = Date.now();
  const queue = fleet.map((place, index) => ({
    place,
    notBefore: begun + (index * intervalSeconds * 1000) / fleet.length,
  }));
  const send = async (place: Place) => {
    for (let left = attempts; ; left -= 1) {
      const { status, text } = await post(api, token, bodyFor(place, plan));
      if (status === 202) return;
      if (status !== 503 || left === 1) throw new Error(`a rollout was refused with ${status}: ${text}`);
      await wait(restMs);
    }
  };
  const sender = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await wait(Math.max(0, next.notBefore - Date.now()));
      await send(next.place);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
}

function bodyFor({ namespace, name }: Place, plan: object): object {
  return { target: { namespace, virtualService: name, canary: { subset: 'v2' } }, plan };
}

async function post(api: string, token: string, body: object): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${api}/v1/rollouts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(answerMs),
  });
  return { status: answer.status, text: await answer.text() };
}
