import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  epoch,
  flat,
  openWorld,
  type Ran,
  rolloutId,
  type World,
  withAnnotation,
  withEdits,
  withRoute,
  withWeights,
} from './world.ts';

let world: World;
const said: Ran[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
afterEach(() => {
  world.sandbox.faults.everyPatch = null;
  world.sandbox.faults.nextPatch = null;
});

const run: World['run'] = async (...asked) => {
  const ran = await world.run(...asked);
  said.push(ran);
  return ran;
};
const marks = (name: string) => world.stored(name).metadata.annotations;

describe('break-glass rollback', () => {
  it('takes the canary back to 0 % and says what it read back', async () => {
    const { name } = await world.moved(20);
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(flat(out)).toContain('canary v2 20 % -> 0 %, read back');
    expect(flat(out)).toContain('v1 (stable) has 100 %');
  });

  it('shows before what stands there and each weight that it will write', async () => {
    const { name } = await world.moved(20);
    const { out } = await run(name);
    const words = flat(out);
    expect(words).toContain('Cluster context sandbox, https://127.0.0.1');
    expect(words).toContain(`Rollout ${rolloutId}, epoch ${epoch}`);
    expect(words).toContain('Now v1 (stable) 80 %, v2 (canary) 20 %');
    expect(words).toContain('Write weight of v1 80 -> 100, weight of v2 20 -> 0');
  });

  it('says what canaryd does next and what to type', async () => {
    const { name } = await world.moved(20);
    const words = flat((await run(name)).out);
    expect(words).toContain(`the next turn of ${rolloutId} takes this up as rolled back`);
    expect(words).toContain('If its database never comes back, nothing follows');
    expect(words).toContain(
      'If canaryd cannot read that rollout it stays live, and its VirtualService locked, until the row is restored',
    );
    expect(words).toContain(`config get virtualservice ${name} -n payment-prod -o yaml`);
    expect(words).toContain(`"$API/v1/rollouts/${rolloutId}"`);
  });

  it('leaves word for the rollout and keeps what canaryd wrote', async () => {
    const { name } = await world.moved(20);
    const before = marks(name);
    await run(name);
    expect(marks(name)).toEqual({ ...before, 'canaryd.io/rolled-back': `${rolloutId}/${epoch}` });
  });

  it('is seen by the next turn of the rollout', async () => {
    const { name, target } = await world.moved(20);
    await run(name);
    expect(await world.mesh.look(target, AbortSignal.timeout(5000))).toMatchObject({
      canaryShare: 0,
      owner: { rolloutId, epoch },
      rolledBack: { rolloutId, epoch },
    });
  });

  it('makes a write of canaryd that is still on its way stale', async () => {
    const { name, target } = await world.moved(20);
    const signal = AbortSignal.timeout(5000);
    const view = await world.mesh.look(target, signal);
    await run(name);
    const late = { share: 50, rolloutId, epoch: epoch + 1, end: false };
    if (view.kind !== 'split') throw new Error('no split');
    expect(await world.mesh.write(target, view, late, signal)).toEqual({ kind: 'conflict' });
  });

  it('a second time says so, writes nothing and exits with 0', async () => {
    const { name } = await world.moved(20);
    await run(name);
    const writes = world.sandbox.writes.length;
    const { code, out } = await run(name);
    expect([code, world.sandbox.writes.length]).toEqual([0, writes]);
    expect(flat(out)).toContain('already rolled back: canary v2 has 0 %, v1 (stable) 100 %');
  });

  it('takes the canary back again when somebody raised it since', async () => {
    const { name, target } = await world.moved(20);
    await run(name);
    await world.write(target, 50, epoch + 1);
    expect([(await run(name)).code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(marks(name)['canaryd.io/rolled-back']).toBe(`${rolloutId}/${epoch + 1}`);
  });

  it('with a canary at 0 % already still leaves word, so that the rollout does not raise it', async () => {
    const { name } = await world.moved(0);
    const { code, out } = await run(name);
    expect([code, marks(name)['canaryd.io/rolled-back']]).toEqual([0, `${rolloutId}/${epoch}`]);
    expect(flat(out)).toContain('Write no weight: the canary has 0 % already');
  });

  it('restores the weights in the form in which they stood before', async () => {
    const { name } = await world.moved(0.5, { v1: 3, v2: 0 });
    expect(world.weights(name)).toEqual([9950, 50]);
    await run(name);
    expect(world.weights(name)).toEqual([3, 0]);
  });

  it('leaves a third destination its share', async () => {
    const { name } = await world.moved(20, { v1: 100, v2: 0, v3: 0 });
    world.edit(name, (object) => withWeights(object, [70, 20, 10]));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([0, [90, 0, 10]]);
    expect(flat(out)).toContain('v1 (stable) has 90 %, v3 (no part of the rollout) 10 %');
  });

  it('leaves an edit beside it byte for byte', async () => {
    const { name } = await world.moved(20);
    world.edit(name, withEdits);
    const before = world.stored(name);
    await run(name);
    const after = world.stored(name);
    const [route] = before.spec.http;
    const [v1, v2] = route?.route ?? [];
    const expected = {
      ...route,
      route: [
        { ...v1, weight: 100 },
        { ...v2, weight: 0 },
      ],
    };
    expect(after.spec).toEqual({ ...before.spec, http: [expected, ...before.spec.http.slice(1)] });
    const { 'canaryd.io/rolled-back': _mark, ...kept } = after.metadata.annotations;
    expect(kept).toEqual(before.metadata.annotations);
  });

  it('counts a canary that is gone from the route as 0 %', async () => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withRoute(object, (route) => route.slice(0, 1)));
    const { code } = await run(name);
    expect([code, world.weights(name)]).toEqual([0, [100]]);
  });

  it('gives traffic to a stable without a ready pod, and warns', async () => {
    const { name } = await world.moved(20);
    world.sandbox.setVersion('payment-service', 'v1', { readyPods: 0 });
    const { code, out } = await run(name);
    world.sandbox.setVersion('payment-service', 'v1', { readyPods: 2 });
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(flat(out)).toContain('Warning v1 (stable) has no ready pod (0 of 2)');
  });

  it('needs no right but to get and patch the VirtualService', async () => {
    const { name } = await world.moved(20);
    const rule = { verbs: ['get', 'patch'], groups: ['networking.istio.io'], resources: ['virtualservices'] };
    world.sandbox.users.push({ name: 'oncall', token: 'oncall-token', rules: [rule] });
    const kubeconfig = await world.kubeconfigOf('oncall');
    const { code, out } = await run(name, { kubeconfig });
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(flat(out)).toContain('Pods of v1 (stable) were not read');
  });
});

describe('a dry run', () => {
  it('prints the patch and writes nothing', async () => {
    const { name } = await world.moved(20);
    const { metadata } = world.stored(name);
    const { code, out } = await run(name, { dryRun: true, yes: false });
    expect([code, world.stored(name).metadata]).toEqual([0, metadata]);
    const patch = JSON.parse(out.slice(out.indexOf('[\n'), out.indexOf('\n]') + 2));
    expect(patch).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 0 },
      {
        op: 'add',
        path: '/metadata/annotations/canaryd.io~1rolled-back',
        value: `${rolloutId}/${epoch}`,
      },
    ]);
  });
});

describe('the question', () => {
  it.each(['yes', ' Y\n'])('goes on after %j', async (answer) => {
    const { name } = await world.moved(20);
    const { code } = await run(name, { yes: false }, { ask: async () => answer });
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
  });

  it.each(['', 'no', 'yesterday'])('writes nothing after %j', async (answer) => {
    const { name } = await world.moved(20);
    const { code, out } = await run(name, { yes: false }, { ask: async () => answer });
    expect([code, world.weights(name)]).toEqual([1, [80, 20]]);
    expect(out).toContain('nothing was written');
  });

  it('where nobody can be asked is a fault of use', async () => {
    const { name } = await world.moved(20);
    const { code, out } = await run(name, { yes: false });
    expect([code, world.weights(name)]).toEqual([2, [80, 20]]);
    expect(out).toContain('say --yes');
  });

  it('that is answered late goes by what stands there then', async () => {
    const { name, target } = await world.moved(20);
    const ask = async () => {
      await world.write(target, 50, epoch + 1);
      return 'yes';
    };
    expect([(await run(name, { yes: false }, { ask })).code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(marks(name)['canaryd.io/rolled-back']).toBe(`${rolloutId}/${epoch + 1}`);
  });

  it('is no answer for another rollout that moves the object meanwhile', async () => {
    const { name } = await world.moved(20);
    const ask = async () => {
      world.edit(name, (object) => withAnnotation(object, 'canaryd.io/rollout', 'ro_other'));
      return 'yes';
    };
    const { code, out } = await run(name, { yes: false }, { ask });
    expect([code, world.weights(name)]).toEqual([7, [80, 20]]);
    expect(flat(out)).toContain('another rollout moves the object now: ro_other');
  });
});

describe('the record', () => {
  it('is one line of JSON that tells who did what, when and why', async () => {
    const { name } = await world.moved(20);
    const now = () => Date.parse('2026-11-23T03:00:00Z');
    const { out, err } = await run(name, { json: true, reason: 'cards are declined' }, { now });
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({
      time: '2026-11-23T03:00:00.000Z',
      outcome: 'rolled_back',
      exitCode: 0,
      virtualService: `payment-prod/${name}`,
      route: 'primary',
      rollout: rolloutId,
      epoch,
      from: { stable: { subset: 'v1', share: 80 }, canary: { subset: 'v2', share: 20 } },
      to: { stable: { subset: 'v1', share: 100 }, canary: { subset: 'v2', share: 0 } },
      by: { context: 'sandbox', user: 'canaryd' },
      reason: 'cards are declined',
    });
    expect(err).toContain('read back');
    expect(`${out}${err}`).not.toContain('canaryd-token');
  });

  it.each([
    [{ dryRun: true }, 'dry_run', 0],
    [{ yes: false }, 'not_confirmed', 2],
    [{ kubeconfig: '/nowhere/config' }, 'not_done', 2],
  ])('is written with %j, too', async (more, outcome, exitCode) => {
    const { name } = await world.moved(20);
    const { code, out } = await run(name, { json: true, ...more });
    expect([code, JSON.parse(out)]).toEqual([exitCode, expect.objectContaining({ outcome, exitCode })]);
  });
});

describe('all that it says', () => {
  it('fits into 80 columns', () => {
    const shown = said.filter(({ out }) => !out.startsWith('{')).flatMap(({ out }) => out.split('\n'));
    expect(shown.length).toBeGreaterThan(200);
    expect(shown.filter((line) => line.length > 80)).toEqual([]);
  });
});
