import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Mesh, MeshFailure } from '../../src/rollout/ports/mesh.ts';
import { hasEnded } from '../../src/rollout/rollout.ts';
import type { Share } from '../../src/rollout/units.ts';
import { mood } from '../fakes/metrics.ts';
import { begun } from '../fakes/rollouts.ts';
import { id, where, world } from './turn-world.ts';

const gateway = { namespace: 'edge', virtualService: 'gateway' };
const places = [where, gateway];
const forbidden: MeshFailure = { kind: 'unavailable', reason: 'forbidden', why: 'forbidden' };

const place = fc.nat({ max: 1 });
const Deed = fc.oneof(
  fc.record({ kind: fc.constant('run' as const), seconds: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ kind: fc.constantFrom('mend' as const, 'touch' as const, 'breakReads' as const), place }),
  fc.record({ kind: fc.constantFrom('breakWrites' as const, 'breakGlass' as const), place }),
  fc.record({ kind: fc.constant('move' as const), place, share: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ kind: fc.constantFrom('fail' as const, 'heal' as const, 'resume' as const, 'stop' as const) }),
);
type Deed = typeof Deed extends fc.Arbitrary<infer Value> ? Value : never;

/** Every write that the mesh was asked for, with the share that stood in that VirtualService before. */
function recording(mesh: Mesh, shareOf: (name: string) => Share) {
  const raises: { to: Share; isOnTheWayBack: boolean }[] = [];
  const now = { isOnTheWayBack: false, mustStop: false };
  const write: Mesh['write'] = async (target, view, asked, signal) => {
    if (asked.share > shareOf(target.virtualService))
      raises.push({ to: asked.share, isOnTheWayBack: now.isOnTheWayBack });
    const outcome = await mesh.write(target, view, asked, signal);
    if (!now.mustStop) return outcome;
    now.mustStop = false;
    throw new Error('the worker stopped');
  };
  return { raises, now, mesh: { ...mesh, write } };
}

async function lived(deeds: Deed[]) {
  const made = await world({ also: [gateway] });
  const { mesh, clock, store, mind, say } = made;
  const record = recording(mesh, (name) =>
    Math.max(...places.filter((one) => one.virtualService === name).map((one) => mesh.shareOf(one))),
  );

  async function run(seconds: number): Promise<void> {
    const until = clock.now + seconds * 1000;
    for (let turns = 0; turns < 500; turns += 1) {
      const found = await store.find(id);
      if (found === null || found.nextAt === null || found.nextAt > until) break;
      clock.now = Math.max(clock.now, found.nextAt);
      record.now.isOnTheWayBack = begun(found.rollout).state.kind === 'rollingBack';
      await made.turn({ mesh: record.mesh }).catch(() => {
        // Its lease runs out.
        clock.now += 16_000;
      });
    }
    clock.now = Math.max(clock.now, until);
  }

  const at = (deed: { place: number }) => places[deed.place] ?? where;
  async function act(deed: Deed): Promise<void> {
    switch (deed.kind) {
      case 'run':
        return run(deed.seconds);
      case 'mend':
        return mesh.breakDownAt(at(deed), null);
      case 'breakReads':
        return mesh.breakDownAt(at(deed), forbidden);
      case 'breakWrites':
        return mesh.breakDownAt(at(deed), forbidden, 'writes');
      case 'touch':
        return mesh.touchByAnotherHand(at(deed));
      case 'breakGlass':
        return mesh.breakGlass(at(deed));
      case 'move':
        return mesh.moveByAnotherHand(at(deed), deed.share);
      case 'fail':
        mind.canary = mood.failing;
        return;
      case 'heal':
        mind.canary = mood.healthy;
        return;
      case 'resume':
        return void (await say({ action: 'resume', drift: 'adopt' }));
      case 'stop':
        record.now.mustStop = true;
    }
  }
  await run(1);
  for (const deed of deeds) {
    // What others do after its end is none of its business.
    if (!hasEnded(await made.found())) await act(deed);
  }
  return { ...made, run, record };
}

it('two VirtualServices are both at 0 % after every history that ends with a way back, and none is raised on it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(Deed, { maxLength: 12 }), async (deeds) => {
      const { mesh, say, run, found, record } = await lived(deeds);
      for (const one of places) mesh.breakDownAt(one, null);
      record.now.mustStop = false;
      await say({ action: 'rollback' });
      await run(300);
      expect((await found()).state.kind).toBe('rolledBack');
      expect(places.map((one) => mesh.shareOf(one))).toEqual([0, 0]);
      expect(record.raises.filter(({ isOnTheWayBack }) => isOnTheWayBack)).toEqual([]);
    }),
    { numRuns: 150, seed: 5 },
  );
}, 120_000);

it('two VirtualServices come to the same share once nothing is in the way any more', async () => {
  const inOurHands = Deed.filter(({ kind }) => kind !== 'move' && kind !== 'breakGlass');
  await fc.assert(
    fc.asyncProperty(fc.array(inOurHands, { maxLength: 12 }), async (deeds) => {
      const { mesh, run, found } = await lived(deeds);
      for (const one of places) mesh.breakDownAt(one, null);
      await run(300);
      const { traffic } = await found();
      expect(places.map((one) => mesh.shareOf(one))).toEqual([traffic.applied, traffic.applied]);
      expect(traffic).toMatchObject({ intent: null });
      expect(traffic).not.toHaveProperty('lowest');
    }),
    { numRuns: 150, seed: 7 },
  );
}, 120_000);
