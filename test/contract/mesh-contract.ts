import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
  Images,
  Mesh,
  PodImages,
  Readiness,
  SpecChange,
  SplitView,
  WeightWrite,
  WriteOutcome,
} from '../../src/rollout/ports/mesh.ts';
import type { LocatedRequest, Target, TargetRequest } from '../../src/rollout/target.ts';
import type { Where } from '../fakes/mesh.ts';
import { managedContract } from './managed-contract.ts';
import type { MeshWorld } from './mesh-world.ts';
import { rehearsalContract } from './rehearsal-contract.ts';
import { severalContract } from './several-contract.ts';
import { shapesContract } from './shapes-contract.ts';

/** A real cluster takes its time with a namespace. */
const longMs = 180_000;

const signal = new AbortController().signal;
const write: WeightWrite = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };

/** What every `Mesh` promises to the core. */
export function meshContract(name: string, open: () => Promise<MeshWorld>): void {
  describe(`${name}: a mesh`, () => {
    let world: MeshWorld;
    let where: Where;

    beforeAll(async () => {
      world = await open();
    }, longMs);
    afterAll(() => world.close(), longMs);
    beforeEach(async () => {
      where = await world.add({ v1: 100, v2: 0 });
    });

    const request = (more: Partial<TargetRequest> = {}): LocatedRequest => ({
      ...where,
      ...more,
      cluster: 'default',
    });
    const resolve = (more?: Partial<TargetRequest>) => resolved(world.mesh, request(more));
    const look = (target: Target) => lookedAt(world.mesh, target);
    const put = (target: Target, view: SplitView, more: Partial<WeightWrite> = {}) =>
      world.mesh.write(target, view, { ...write, ...more }, signal);
    const lookAndPut = async (target: Target, more: Partial<WeightWrite>) =>
      put(target, await look(target), more);

    describe('at the start', () => {
      it('gives the roles, the version and the readiness of both arms', async () => {
        const resolution = await world.mesh.resolve(request(), signal);
        expect(resolution).toMatchObject({
          kind: 'resolved',
          target: {
            ...where,
            stable: { subset: 'v1', version: 'v1' },
            canary: { subset: 'v2', version: 'v2' },
          },
          readiness: { stable: { kind: 'known' }, canary: { kind: 'known' } },
        });
      });

      it('lets target.canary choose among several destinations without traffic', async () => {
        where = await world.add({ v1: 100, v2: 0, v3: 0 });
        expect((await resolve({ canary: { subset: 'v3' } })).canary.subset).toBe('v3');
      });

      it.each([
        ['several destinations could be the canary', { v1: 100, v2: 0, v3: 0 }, {}, 'canary-ambiguous'],
        ['traffic is split', { v1: 90, v2: 10 }, {}, 'split-not-at-rest'],
        [
          'target.stable is not the one',
          { v1: 100, v2: 0 },
          { stable: { subset: 'v2' } },
          'split-not-at-rest',
        ],
        [
          'the canary is not in the route',
          { v1: 100, v2: 0 },
          { canary: { subset: 'v3' } },
          'destination-not-in-route',
        ],
        ['there is one destination', { v1: 100 }, {}, 'destination-not-in-route'],
      ])('refuses when %s', async (_name, shares, more, code) => {
        where = await world.add(shares);
        const resolution = await world.mesh.resolve(request(more), signal);
        expect(resolution).toMatchObject({ kind: 'shape', fault: { code } });
      });

      it('takes the winner of the last rollout as the stable of the next', async () => {
        await lookAndPut(await resolve(), { share: 100, end: true });
        const next = await resolve();
        expect([next.stable.subset, next.canary.subset]).toEqual(['v2', 'v1']);
      });

      it('previews what each write would change and touches nothing', async () => {
        const target = await resolve();
        const before = await look(target);
        const preview = await world.mesh.preview(request(), [write, { share: 100, end: false }], signal);
        const numbers =
          preview.kind === 'preview'
            ? preview.changes.map((step) => step.map(({ from, value }) => [from, value]))
            : preview;
        expect(numbers).toEqual([
          [
            [100, 95],
            [0, 5],
          ],
          [
            [95, 0],
            [5, 100],
          ],
        ]);
        expect(await look(target)).toEqual(before);
      });
    });

    describe('a survey', () => {
      const survey = (name = where) => world.mesh.survey({ cluster: 'default', ...name }, signal);

      it('lists the route with every destination, its share, and that a rollout could start there', async () => {
        expect(await survey()).toMatchObject({
          kind: 'survey',
          routes: [
            {
              name: 'primary',
              path: 'spec.http[0]',
              destinations: [
                { subset: 'v1', weight: 100, share: 100 },
                { subset: 'v2', weight: 0, share: 0 },
              ],
              start: { kind: 'ready', stable: { version: 'v1' }, canary: { version: 'v2' } },
            },
          ],
        });
      });

      it.each([
        ['split-not-at-rest', { v1: 90, v2: 10 }],
        ['canary-ambiguous', { v1: 100, v2: 0, v3: 0 }],
        ['destination-not-in-route', { v1: 100 }],
      ])('says why no rollout could start: %s', async (code, shares) => {
        const found = await survey(await world.add(shares));
        const shown = Object.entries(shares).map(([subset, share]) => ({ subset, share }));
        expect(found).toMatchObject({
          routes: [{ destinations: shown, start: { kind: 'shape', fault: { code } } }],
        });
      });

      it('touches nothing', async () => {
        const target = await resolve();
        const before = await look(target);
        await survey();
        expect(await look(target)).toEqual(before);
      });

      it('says that there is no such VirtualService', async () => {
        expect(await survey({ ...where, virtualService: 'nowhere' })).toEqual({ kind: 'missing' });
      });

      it('answers an aborted call instead of throwing', async () => {
        const answer = await world.mesh.survey({ cluster: 'default', ...where }, AbortSignal.abort());
        expect(answer.kind).toBe('unavailable');
      });
    });

    describe('a preview', () => {
      it.each([
        ['a success', { v1: 100, v2: 0 }, [5, 33.33, 33.33, 100], 100],
        ['a success, with the canary first', { v2: 0, v1: 100 }, [0.5, 100], 100],
        ['a way back', { v1: 100, v2: 0, v3: 0 }, [20], 0],
      ])('shows exactly what the writes of %s will write', async (_name, shares, steps, last) => {
        where = await world.add(shares);
        const target = await resolve({ canary: { subset: 'v2' } });
        const writes = [...steps.map((share) => ({ share, end: false })), { share: last, end: true }];
        const preview = await world.mesh.preview(request({ canary: { subset: 'v2' } }), writes, signal);
        if (preview.kind !== 'preview') throw new Error(JSON.stringify(preview));
        for (const [index, change] of writes.entries()) {
          const promised = changed(await world.weights(where), preview.changes[index] ?? []);
          expect((await lookAndPut(target, { ...change, epoch: index + 1 })).kind).toBe('applied');
          expect(await world.weights(where)).toEqual(promised);
        }
      });
    });

    describe('a write', () => {
      it.each([0.01, 0.25, 5, 33.33, 99.99, 100])('of %f %% is read back as it was asked', async (share) => {
        const target = await resolve();
        expect(await lookAndPut(target, { share })).toEqual({ kind: 'applied', canaryShare: share });
        expect((await look(target)).canaryShare).toBe(share);
      });

      it('leaves the rollout and its epoch behind', async () => {
        const target = await resolve();
        expect((await look(target)).owner).toBeNull();
        await lookAndPut(target, { epoch: 7 });
        expect((await look(target)).owner).toEqual({ rolloutId: 'ro_1', epoch: 7 });
        await lookAndPut(target, { epoch: 8, share: 0, end: true });
        expect((await look(target)).owner).toEqual({ rolloutId: 'ro_1', epoch: 8 });
      });

      it('conflicts once another hand has moved the weights, and changes nothing', async () => {
        const target = await resolve();
        const view = await look(target);
        await world.setShares(where, { v1: 80, v2: 20 });
        expect(await put(target, view)).toEqual({ kind: 'conflict' });
        expect(await look(target)).toMatchObject({ canaryShare: 20, owner: null });
      });

      it('conflicts once another hand has edited anything', async () => {
        const target = await resolve();
        const view = await look(target);
        await world.touch(where);
        expect(await put(target, view)).toEqual({ kind: 'conflict' });
      });

      it('spends its snapshot, even when the share stays as it was', async () => {
        const target = await resolve();
        const view = await look(target);
        expect((await put(target, view, { share: 0, epoch: 2, end: true })).kind).toBe('applied');
        expect(await put(target, view, { share: 5, epoch: 1 })).toEqual({ kind: 'conflict' });
        expect((await look(target)).canaryShare).toBe(0);
      });

      it('of two on the same snapshot lets only one through', async () => {
        const target = await resolve();
        const view = await look(target);
        const outcomes = await Promise.all([
          put(target, view, { share: 5, epoch: 1 }),
          put(target, view, { share: 0, epoch: 2 }),
        ]);
        expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['applied', 'conflict']);
      });

      it('goes back when the canary is gone from the route, and refuses to go forward', async () => {
        const target = await resolve();
        await world.setShares(where, { v1: 100 });
        expect((await look(target)).canaryShare).toBe(0);
        expect((await lookAndPut(target, { share: 5 })).kind).toBe('unavailable');
        expect(await lookAndPut(target, { share: 0, end: true })).toEqual({
          kind: 'applied',
          canaryShare: 0,
        });
      });

      it('is refused, not sent, when stable is gone', async () => {
        const target = await resolve();
        await world.setShares(where, { v2: 100 });
        expect(await look(target)).toMatchObject({ hasStable: false, canaryShare: 100 });
        expect(await lookAndPut(target, { share: 0 })).toMatchObject({ kind: 'unavailable' });
      });
    });

    managedContract(() => world);
    severalContract(() => world);
    shapesContract(() => world);
    rehearsalContract(() => world);

    describe('a running rollout', () => {
      it('shows the weights that another hand has set', async () => {
        const target = await resolve();
        await world.setShares(where, { v1: 70, v2: 30 });
        expect((await look(target)).canaryShare).toBe(30);
      });

      it('tells that another hand wrote the weights last, and nobody once canaryd did', async ({ skip }) => {
        if (world.http === undefined) skip('it keeps no field managers');
        const target = await resolve();
        await lookAndPut(target, {});
        expect(await look(target)).toMatchObject({ movedBy: null, signedBy: null, gitOps: null });
        await world.setShares(where, { v1: 70, v2: 30 });
        const { movedBy, signedBy } = await look(target);
        expect(movedBy).toEqual({
          manager: expect.not.stringMatching(/^canaryd$/),
          operation: 'Update',
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        });
        expect(signedBy).toBeNull();
        await lookAndPut(target, { epoch: 2 });
        expect((await look(target)).movedBy).toBeNull();
      });

      it('tells of a third destination with traffic, and goes back without touching its share', async () => {
        const target = await resolve();
        await world.setShares(where, { v1: 60, v2: 20, v3: 20 });
        expect(await look(target)).toMatchObject({ canaryShare: 25, foreign: { code: 'unsupported-shape' } });
        expect(await lookAndPut(target, { share: 0, end: true })).toEqual({
          kind: 'applied',
          canaryShare: 0,
        });
        expect(await look(target)).toMatchObject({ canaryShare: 0, foreign: { code: 'unsupported-shape' } });
      });

      it('follows the ready pods of each arm', async (test) => {
        if (world.withoutPods !== undefined) return test.skip(world.withoutPods);
        const target = await resolve();
        await world.setReadyPods(where, 'v2', 0);
        const { readiness } = await look(target);
        expect(readiness.canary).toMatchObject({ kind: 'known', ready: 0 });
        expect(readyOf(readiness.stable)).toBeGreaterThan(0);
        await world.setReadyPods(where, 'v2', 1);
        expect((await look(target)).readiness.canary).toMatchObject({ kind: 'known', ready: 1 });
      });

      it('shows what the pods of each arm run', async (test) => {
        if (world.withoutPods !== undefined) return test.skip(world.withoutPods);
        const { images } = await look(await resolve());
        expect(podsIn(images.stable).length).toBeGreaterThan(0);
        for (const pod of [...podsIn(images.stable), ...podsIn(images.canary)]) {
          expect(pod.templateHash).toEqual(expect.any(String));
          const digests = Object.values(pod.digests);
          expect(digests).toEqual([expect.stringMatching(/^sha256:/)]);
        }
        expect(podsIn(images.canary)[0]?.digests).not.toEqual(podsIn(images.stable)[0]?.digests);
      });

      it('tells another image by its digest, and a restart by its template alone', async ({ skip }) => {
        const { pods } = world;
        if (pods === undefined || world.withoutPods !== undefined) return skip(world.withoutPods);
        const target = await resolve();
        const first = (await look(target)).images;
        await pods.restart(where, 'v2');
        const restarted = (await look(target)).images;
        expect(podsIn(restarted.canary)[0]?.digests).toEqual(podsIn(first.canary)[0]?.digests);
        expect(podsIn(restarted.canary)[0]?.templateHash).not.toBe(podsIn(first.canary)[0]?.templateHash);
        await pods.redeploy(where, 'v2', 'example.test/payments/payment-service:another');
        const redeployed = (await look(target)).images;
        expect(podsIn(redeployed.canary)[0]?.digests).not.toEqual(podsIn(first.canary)[0]?.digests);
        expect(redeployed.stable).toEqual(first.stable);
      });

      it('sees a VirtualService that was created anew as another one, without an owner', async () => {
        const target = await resolve();
        await lookAndPut(target, {});
        const view = await look(target);
        await world.remove(where);
        await world.recreate(where, { v1: 100, v2: 0 });
        const fresh = await look(target);
        expect(fresh).toMatchObject({ owner: null, canaryShare: 0 });
        expect(fresh.uid).not.toBe(target.uid);
        expect(await put(target, view)).toEqual({ kind: 'conflict' });
      });

      it('says that the VirtualService is missing, to every call', async () => {
        const target = await resolve();
        const view = await look(target);
        await world.remove(where);
        expect(await world.mesh.resolve(request(), signal)).toEqual({ kind: 'missing' });
        expect(await world.mesh.preview(request(), [write], signal)).toEqual({ kind: 'missing' });
        expect(await world.mesh.look(target, signal)).toEqual({ kind: 'missing' });
        expect(await put(target, view)).toEqual({ kind: 'missing' });
      });
    });

    it('answers an aborted call instead of throwing', async () => {
      const target = await resolve();
      const view = await look(target);
      const aborted = AbortSignal.abort();
      const answers: { kind: string }[] = [
        await world.mesh.resolve(request(), aborted),
        await world.mesh.look(target, aborted),
        await world.mesh.preview(request(), [write], aborted),
      ];
      expect(answers.map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable', 'unavailable']);
      const outcome: WriteOutcome = await world.mesh.write(target, view, write, aborted);
      expect(['unavailable', 'ambiguous']).toContain(outcome.kind);
      expect((await look(target)).canaryShare).toBe(0);
    });
  });
}

async function resolved(mesh: Mesh, request: LocatedRequest): Promise<Target> {
  const resolution = await mesh.resolve(request, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return resolution.target;
}

async function lookedAt(mesh: Mesh, target: Target): Promise<SplitView> {
  const view = await mesh.look(target, signal);
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

/** The weights after these changes, which say what they found. */
function changed(weights: (number | null)[], changes: SpecChange[]): (number | null)[] {
  return changes.reduce((before, { path, from, value }) => {
    const index = Number(/\/route\/(\d+)\/weight$/.exec(path)?.[1]);
    expect(before[index]).toBe(from);
    return before.with(index, value === null ? null : Number(value));
  }, weights);
}

function podsIn(images: Images): PodImages[] {
  return images.kind === 'known' ? images.pods : [];
}

function readyOf(readiness: Readiness): number {
  return readiness.kind === 'known' ? readiness.ready : 0;
}
