import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { programAt } from '../../local/programs.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { fillDisk, query } from '../store/databases.ts';
import { ask } from './ask.ts';
import { begin, briefPlan, payment, statusAtEnd, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 120_000;
const longPlan = {
  ...briefPlan,
  steps: [briefPlan.steps[0], { type: 'bake', duration: '60s' }, { type: 'promote' }],
};
const name = { namespace: 'payment-prod', virtualService: 'payment-service' };

let stack: Stack;
const log: string[] = [];

beforeAll(async () => {
  stack = await startStack({ seed: 47, say: () => undefined });
  stack.canaryd.process.stdout?.on('data', (chunk: Buffer) => log.push(chunk.toString()));
}, patience);

afterAll(() => stack?.close(), 60_000);

async function breakGlass(): Promise<string> {
  const words = ['break-glass', 'rollback', `--virtual-service=${name.namespace}/${name.virtualService}`];
  const options = [`--kubeconfig=${stack.kubeconfigPath}`, '--yes', '--reason=cards are declined'];
  const program = [await programAt('src/main.ts'), ...words, ...options];
  return (await promisify(execFile)(process.execPath, program)).stdout;
}

const Marked = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
});

function annotations(): Record<string, string> {
  const object = stack.sandbox.store.get({
    type: virtualServices,
    namespace: name.namespace,
    name: name.virtualService,
  });
  return Marked.parse(object).metadata.annotations;
}

describe('a rollback that canaryd did not write down itself', () => {
  it(
    'by break-glass, is taken up by the next turn: rolled back, with its cause, told in the audit log',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: longPlan });
      await rollout.untilWeight(20);
      expect(await breakGlass()).toContain('canary v2 20 % -> 0 %, read back');
      expect(await statusAtEnd(stack, rollout.id)).toBe('rolled_back');

      expect(weights(stack)).toMatchObject({ v1: 100, v2: 0 });
      const { body } = await ask(stack, rollout.path);
      expect(body).toMatchObject({ statusReason: 'out_of_band', outcome: { cause: 'out_of_band' } });
      const events = await rollout.events();
      expect(events.map(({ type }) => type).slice(-3)).toEqual([
        'weight.found',
        'rollout.rolling_back',
        'rollout.rolled_back',
      ]);
      // The end takes the word away: what it said is in the audit log now.
      expect(annotations()).not.toHaveProperty(['canaryd.io/rolled-back']);
    },
    patience,
  );

  it(
    'because the audit log had no room, leaves word in the object, and is written down when there is room',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: briefPlan });
      await rollout.untilWeight(20);
      const before = await rollout.events();
      await query(stack.databaseUrl, fillDisk);

      // Its bake is over soon, and not one step forward is taken that nobody could write down.
      await waitUntil('a turn fails', async () => log.join('').includes('53100'));
      expect(weights(stack)).toMatchObject({ v1: 80, v2: 20 });
      const asked = await ask(stack, `${rollout.path}/actions/rollback`, { body: {} });
      expect(asked.status).toBe(503);
      expect(await rollout.events()).toEqual(before);
      expect((await fetch(`${stack.api}/readyz`)).status).toBe(200);

      stack.sandbox.setVersion('payment-service', 'v2', { errorRate: 0.9 });
      await waitUntil('the canary has nothing', async () => weights(stack)['v2'] === 0);
      expect(annotations()['canaryd.io/rolled-back']).toMatch(new RegExp(`^${rollout.id}/\\d+$`));
      expect(await rollout.events()).toEqual(before);

      await query(stack.databaseUrl, 'drop trigger no_room on audit');
      expect(await statusAtEnd(stack, rollout.id)).toBe('rolled_back');
      expect((await rollout.types()).slice(-1)).toEqual(['rollout.rolled_back']);
      expect(log.join('')).toContain('the database has no room left (53100)');
    },
    patience,
  );
});
