import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../../src/sandbox/random.ts';
import { liveOn } from './evidence.ts';
import { healthy, namespace, type Service, services, versions } from './mesh.ts';
import type { World } from './world.ts';

/** As short as is honest with metrics that are scraped each second. */
const plan = {
  name: 'chaos',
  interval: '1s',
  deadline: '5m',
  checks: { errors: { metric: 'errorRate', max: '5%', window: '4s', failures: 2, minRequests: 5 } },
  steps: [
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '4s' },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '4s' },
    { type: 'promote', bake: '4s' },
  ],
};

/** The weights that a rollout of this plan goes through. */
export const plannedShares = [0, 20, 50, 100];

type Action = 'rollback' | 'pause' | 'resume' | 'promote' | 'cancel';

/** Says something about a rollout over the API; a lost answer is nobody's fault here. */
export async function say(world: World, id: string, action: Action): Promise<void> {
  await post(world, `/v1/rollouts/${id}/actions/${action}`, { reason: 'chaos' });
}

async function post({ api, token }: World, path: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(5000);
  const sent = fetch(api + path, { method: 'POST', headers, body: JSON.stringify(body), signal });
  await sent.then((answer) => answer.text()).catch(() => undefined);
}

/** What teams do until `isOver`; those that are `quiet` only begin releases. */
export type Custom = { seed: number; quiet: boolean; isOver: () => boolean };

/** A team for each service, that releases one version after the other until it is over, and then sees its last one end. */
export async function releaseAll(world: World, { seed, quiet, isOver }: Custom): Promise<void> {
  const teams = services.map((service, index) => ({
    service,
    quiet,
    random: seededRandom(seed * 100 + index),
  }));
  await Promise.all(teams.map((team) => keepReleasing(world, team, isOver)));
}

type Team = { service: Service; quiet: boolean; random: () => number };

async function keepReleasing(world: World, team: Team, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await begin(world, team);
    await accompany(world, team, isOver);
    for (const version of versions) world.sandbox.setVersion(team.service, version, healthy);
    await wait(team.random() * 500);
  }
}

async function begin(world: World, { service, random }: Team): Promise<void> {
  const weights = world.sandbox.traffic.weightsNow(service);
  const subset = versions.find((version) => weights[version] === 0);
  if (subset === undefined) return;
  const isBad = random() < 0.25;
  if (isBad) world.sandbox.setVersion(service, subset, { errorRate: 0.4 });
  await post(world, '/v1/rollouts', {
    target: { namespace, virtualService: service, canary: { subset } },
    plan,
  });
}

/** What people do while it goes on; once all is over they let it come to its end. */
async function accompany(
  world: World,
  { service, quiet, random }: Team,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    const live = await liveOn(world.db, service);
    if (live === null) return;
    if (live.status === 'paused') await say(world, live.id, 'resume');
    else if (!quiet && !isOver()) await sometimes(world, live.id, random);
    await wait(200 + random() * 400);
  }
}

async function sometimes(world: World, id: string, random: () => number): Promise<void> {
  const dice = random();
  if (dice < 0.02) await say(world, id, 'rollback');
  else if (dice < 0.06) await say(world, id, 'pause');
  else if (dice < 0.07) await say(world, id, 'promote');
}
