import { setTimeout as wait } from 'node:timers/promises';
import { clientOf, hasEnded } from '../../demo/client.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { releaseOf } from '../../test/crash/mesh.ts';

/** Polled each second, and over in about 14 s when all is well. */
const plan = {
  name: 'soak',
  interval: '1s',
  deadline: '5m',
  checks: { errors: { metric: 'errorRate', max: '5%', window: '4s', failures: 2, minRequests: 5 } },
  steps: [
    { type: 'setWeight', weight: 30 },
    { type: 'bake', duration: '4s' },
    { type: 'promote', bake: '4s' },
  ],
};

const healthy = { errorRate: 0, medianMs: 20, p99Ms: 80 };
const failing = { ...healthy, errorRate: 0.4 };
/** Every so many-th release fails. */
const oneFailsIn = 4;
const longestReleaseMs = 120_000;

export type Access = { api: string; token: string };

/** How releases have ended; `late` are those that did not within two minutes. */
export type Tally = { ended: Map<string, number>; late: string[] };

/** Releases one service after another version again and again, over one canaryd and the other in turn. */
export async function keepReleasing(
  sandbox: Sandbox,
  { service, accesses, tally }: { service: string; accesses: readonly Access[]; tally: Tally },
  over: AbortSignal,
): Promise<void> {
  for (let count = 1; !over.aborted; count += 1) {
    const access = accesses[count % accesses.length];
    if (access === undefined) throw new Error('nobody to ask');
    const canary = Object.entries(sandbox.traffic.weightsNow(service)).find(([, share]) => share === 0)?.[0];
    if (canary === undefined) {
      // A release that was lost sight of still runs.
      await pause(500, over);
      continue;
    }
    sandbox.setVersion(service, canary, count % oneFailsIn === 0 ? failing : healthy);
    const status = await release(access, service, canary, over).catch(saidBy);
    if (!over.aborted) tell(tally, service, status);
    sandbox.setVersion(service, canary, healthy);
    await pause(500, over);
  }
}

/** A refusal is counted as what was asked and the status that it got. */
function saidBy(error: unknown): string {
  return error instanceof Error ? (error.message.split(':')[0] ?? '') : String(error);
}

/** Answers how it ended. */
async function release(access: Access, service: string, subset: string, over: AbortSignal): Promise<string> {
  const client = clientOf(access);
  const target = { ...releaseOf(service), canary: { subset } };
  const { id } = await client.create({ target, plan });
  const until = Date.now() + longestReleaseMs;
  while (Date.now() < until && !over.aborted) {
    const seen = await client.find(id).catch(() => null);
    if (seen !== null && hasEnded(seen)) return seen.status;
    await pause(700, over);
  }
  return 'late';
}

function tell({ ended, late }: Tally, service: string, status: string): void {
  if (status === 'late') late.push(service);
  else ended.set(status, (ended.get(status) ?? 0) + 1);
}

/** Waits so many milliseconds, or until it is over. */
export async function pause(ms: number, over: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal: over }).catch(() => undefined);
}
