import { Plan } from '../../src/rollout/plan.ts';
import { baking } from './drive.ts';

export type Driven = Awaited<ReturnType<typeof baking>>;

/** A parsed plan of these steps; `over` replaces its other fields. */
export function planOf(steps: unknown[], over: object = {}): Plan {
  return Plan.parse({ name: 'test', judge: 'threshold', steps, ...over });
}

const five = { type: 'setWeight', weight: 5 };
const watched = [five, { type: 'bake', duration: '30m' }, { type: 'promote' }];

/**
 * A rollout in each state in which its canary has traffic, one good poll behind it and the next one 10 s ahead.
 * `over` replaces fields of its plan.
 */
export const places = {
  running: async (over: object = {}): Promise<Driven> =>
    polled(await baking({ plan: planOf(watched, over) })),
  holding: async (over: object = {}): Promise<Driven> => {
    const driven = await baking({ plan: planOf(watched, over) });
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    return polled(driven);
  },
  paused: async (over: object = {}): Promise<Driven> => {
    const driven = await baking({ plan: planOf(watched, over) });
    driven.say({ action: 'pause' });
    await driven.turn();
    return polled(driven);
  },
  promoting: async (over: object = {}): Promise<Driven> =>
    polled(await baking({ plan: planOf([{ type: 'promote', bake: '30m' }], over) })),
  awaiting_approval: async (over: object = {}): Promise<Driven> => polled(await awaiting(over)),
} as const;

async function awaiting(over: object): Promise<Driven> {
  const steps = [
    five,
    { type: 'bake', duration: '60s' },
    { type: 'approval', expires: '1h' },
    { type: 'promote' },
  ];
  const driven = await baking({ plan: planOf(steps, over) });
  while (driven.status() !== 'awaiting_approval') await driven.run(10);
  return driven;
}

/** All traffic won, waiting until stable runs the canary's images; then stable is watched for a minute. */
export async function handingOver(steps: unknown[] = [{ type: 'promote', bake: '60s' }]): Promise<Driven> {
  const driven = await baking({ plan: planOf(steps, { onSuccess: 'handover', handoverBake: '60s' }) });
  while (driven.world.rollout.state.kind !== 'handingOver') await driven.run(10);
  return driven;
}

export type Place = keyof typeof places;
export const everyPlace = [
  'running',
  'holding',
  'paused',
  'awaiting_approval',
  'promoting',
] as const satisfies Place[];

async function polled(driven: Driven): Promise<Driven> {
  await driven.run(10);
  return driven;
}

/** Lets so many polls happen, 10 s apart. */
export async function polls(driven: Driven, count: number): Promise<void> {
  for (let poll = 0; poll < count; poll += 1) await driven.run(10);
}
