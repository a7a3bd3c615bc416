import { setTimeout as wait } from 'node:timers/promises';
import { isObject, type Json } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { liveOn } from './evidence.ts';
import { namespace, services, versions } from './mesh.ts';
import { say } from './people.ts';
import type { World } from './world.ts';

const patienceMs = 60_000;

/** Cleans up after a run without a protection: with all protections everything goes back, and weights come to rest. */
export async function restore(world: World): Promise<void> {
  world.fleet.without(null);
  const until = performance.now() + patienceMs;
  for (const service of services) {
    await takeBack(world, service, until);
    bringToRest(world, service);
  }
}

async function takeBack(world: World, service: string, until: number): Promise<void> {
  for (;;) {
    const live = await liveOn(world.db, service);
    if (live === null) return;
    if (performance.now() > until)
      throw new Error(`${service} came to no rest: ${live.id} is ${live.status}`);
    if (live.status !== 'rolling_back')
      await say(world, live.id, live.status === 'preflight' ? 'cancel' : 'rollback');
    await wait(200);
  }
}

function bringToRest({ sandbox }: World, service: string): void {
  const shares = Object.values(sandbox.traffic.weightsNow(service));
  if (shares.filter((share) => share === 0).length === 1) return;
  const key = { type: virtualServices, namespace, name: service };
  const moved = versions.reduce(
    (text, version, index) =>
      text.replace(
        new RegExp(`"subset":"${version}"\\},"weight":\\d+`),
        `"subset":"${version}"},"weight":${index === 0 ? 100 : 0}`,
      ),
    JSON.stringify(sandbox.store.get(key)),
  );
  const object: Json = JSON.parse(moved);
  if (isObject(object)) sandbox.store.update(key, object, 'kubectl-edit');
}
