import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { json, startTinyApiServer } from '../traffic/tiny-api-server.ts';
import {
  flat,
  openWorld,
  optionsFor,
  type Ran,
  rolloutId,
  runWith,
  type World,
  withAnnotation,
  withRoute,
  withWeights,
} from './world.ts';

const originalWeights = 'canaryd.io/original-weights';
let world: World;
const said: Ran[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
afterEach(() => {
  Object.assign(world.sandbox.faults, { everyPatch: null, nextPatch: null, apiDown: false, webhook: 'up' });
});

const run: World['run'] = async (...asked) => {
  const ran = await world.run(...asked);
  said.push(ran);
  return ran;
};

describe('break-glass rollback gets through', () => {
  it.each([
    'conflict',
    'resetBeforeApply',
    'resetAfterApply',
    'throttle',
    'serverError',
    'webhookDown',
    'etcdTimeout',
  ] as const)('when the first write meets %s', async (fault) => {
    const { name } = await world.moved(20);
    world.sandbox.faults.nextPatch = fault;
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(flat(out)).toContain('canary v2 20 % -> 0 %, read back');
  });

  it('when somebody else writes between its reading and its writing', async () => {
    const { name } = await world.moved(20);
    const { code } = await run(
      name,
      { yes: false },
      {
        ask: async () => {
          world.edit(name, (object) => withAnnotation(object, 'example.test/note', 'new'));
          return 'yes';
        },
      },
    );
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(world.stored(name).metadata.annotations['example.test/note']).toBe('new');
  });

  it('when the API server is back before the time is up', async () => {
    const { name } = await world.moved(20);
    world.sandbox.faults.apiDown = true;
    let tries = 0;
    const pause = async () => {
      tries += 1;
      if (tries === 3) world.sandbox.faults.apiDown = false;
    };
    expect([(await run(name, {}, { pause })).code, world.weights(name)]).toEqual([0, [100, 0]]);
  });

  it('when a write is stored and never answered, because what stands there tells', async () => {
    const { name } = await world.moved(20);
    world.sandbox.faults.nextPatch = 'hangAfterApply';
    const { code, out } = await run(name, {}, { budgetMs: 300 });
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(flat(out)).toContain('canary v2 20 % -> 0 %, read back');
  });
});

describe('break-glass rollback says why not, and what mends it,', () => {
  it('when there is no such VirtualService', async () => {
    const { code, out } = await run('nowhere');
    expect(code).toBe(6);
    expect(flat(out)).toContain('Not done there is no VirtualService payment-prod/nowhere.');
    expect(flat(out)).toContain('get virtualservices -n payment-prod');
  });

  it('when no rollout moves it, with the shares and a patch that changes nothing until it is edited', async () => {
    const name = world.add({ v1: 60, v2: 40 });
    const { code, out } = await run(name);
    expect(code).toBe(6);
    expect(flat(out)).toContain(`no rollout moves VirtualService payment-prod/${name}`);
    expect(flat(out)).toContain('Now primary: v1 60 %, v2 40 %');
    const [patch = ''] = /\[\n.*\n {2}\]/s.exec(out) ?? [];
    expect(JSON.parse(patch)).toEqual([
      { op: 'add', path: '/spec/http/0/route/0/weight', value: 60 },
      { op: 'add', path: '/spec/http/0/route/1/weight', value: 40 },
    ]);
  });

  it('when the rollout has ended', async () => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/original-weights', null));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([6, [80, 20]]);
    expect(flat(out)).toContain(`the last rollout, ${rolloutId}, has ended`);
  });

  it('when the rollout has ended it says which two numbers to choose', async () => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/original-weights', null));
    const { out } = await run(name);
    expect(flat(out)).toContain('100 for the version that users shall have, 0 for the other one');
  });

  it('when the annotation alone is left, with a patch that gives stable all of it', async () => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/rollout', null));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([6, [80, 20]]);
    expect(flat(out)).toContain("This gives stable the canary's traffic");
    const [patch = ''] = /\[\n.*\n {2}\]/s.exec(out) ?? [];
    expect(JSON.parse(patch)).toEqual([
      { op: 'add', path: '/spec/http/0/route/0/weight', value: 100 },
      { op: 'add', path: '/spec/http/0/route/1/weight', value: 0 },
    ]);
  });

  it('and in that patch a third destination keeps its share', async () => {
    const { name } = await world.moved(20, { v1: 100, v2: 0, v3: 0 });
    world.edit(name, (object) => withWeights(object, [70, 20, 10]));
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/rollout', null));
    const { out } = await run(name);
    expect([...out.matchAll(/"value":(\d+)/g)].map(([, value]) => value)).toEqual(['90', '0', '10']);
  });

  it.each([
    ['stable', [100, 0], 'v1'],
    ['the canary that has won', [0, 100], 'v2'],
  ])('when the rollout has ended with all traffic on %s: no patch, where it is, and 6', async (...row) => {
    const [, weights, resting] = row;
    const { name } = await world.moved(20);
    world.edit(name, (object) => withWeights(withAnnotation(object, originalWeights, null), weights));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([6, weights]);
    expect(flat(out)).toContain(
      `Nothing to do: all traffic is on ${resting}, and no rollout moves this object any more.`,
    );
    expect(flat(out)).toContain(`If users must leave ${resting}, move them by hand`);
    expect(out).not.toMatch(/Not done|kubectl/);
    const recorded = await world.run(name, { json: true });
    expect(JSON.parse(recorded.out)).toMatchObject({ outcome: 'nothing_to_do', exitCode: 6 });
  });

  it('when no rollout ever moved it, although all traffic is on one version', async () => {
    const { code, out } = await run(world.add({ v1: 100, v2: 0 }));
    expect([code, flat(out)]).toEqual([6, expect.stringContaining('Not done no rollout moves')]);
  });

  it('but with 0 when canaryd took it back itself without its database', async () => {
    const { name } = await world.moved(0);
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/original-weights', null));
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/rolled-back', `${rolloutId}/7`));
    const { code, out } = await run(name);
    expect([code, flat(out)]).toEqual([0, expect.stringContaining('already rolled back')]);
  });

  it.each([
    ['{', 'it is no JSON object'],
    ['{"route":"primary"}', 'its stable is not understood'],
    [
      '{"route":"primary","stable":{"host":"a","subset":null,"weight":100},"canary":{"host":"b","subset":null,"weight":30}}',
      'its canary.weight is not understood',
    ],
  ])('when the annotation reads %s', async (text, why) => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withAnnotation(object, 'canaryd.io/original-weights', text));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([6, [80, 20]]);
    expect(flat(out)).toContain(why);
    expect(flat(out)).toContain('Now primary: v1 80 %, v2 20 %');
  });

  it('when the destination of stable is gone', async () => {
    const { name } = await world.moved(20);
    world.edit(name, (object) => withRoute(object, (route) => route.slice(1)));
    const { code, out } = await run(name);
    expect([code, world.weights(name)]).toEqual([10, [20]]);
    expect(flat(out)).toMatch(/no weight can bring users back: stable \(v1\) is not in the route any more/);
    expect(flat(out)).toContain(`edit virtualservice ${name} -n payment-prod`);
  });

  it('when it may not read, and when it may not write', async () => {
    const { name } = await world.moved(20);
    const reader = { verbs: ['get'], groups: ['networking.istio.io'], resources: ['virtualservices'] };
    world.sandbox.users.push({ name: 'reader', token: 'reader-token', rules: [reader] });
    for (const [user, verb] of [
      ['nobody', 'get'],
      ['reader', 'patch'],
    ] as const) {
      const { code, out } = await run(name, { kubeconfig: await world.kubeconfigOf(user) });
      expect([code, world.weights(name)]).toEqual([11, [80, 20]]);
      expect(flat(out)).toContain(
        `not allowed to ${verb} virtualservices.networking.istio.io in payment-prod`,
      );
      expect(flat(out)).toContain(
        `auth can-i ${verb} virtualservices.networking.istio.io/${name} -n payment-prod`,
      );
    }
  });

  it('when nobody knows the credentials', async () => {
    const { name } = await world.moved(20);
    const kubeconfig = join(world.folder, 'stranger');
    await writeFile(kubeconfig, world.sandbox.kubeconfig.replace('canaryd-token', 'no-token'));
    const { code, out } = await run(name, { kubeconfig });
    expect([code, flat(out)]).toEqual([11, expect.stringContaining('does not know these credentials')]);
  });

  it('when a webhook denies the write', async () => {
    const { name } = await world.moved(20);
    const stored = world.stored(name);
    const server = await startTinyApiServer((request, response) => {
      if (request.method === 'GET' && request.url?.includes('/virtualservices/')) json(response, 200, stored);
      else if (request.method === 'PATCH')
        json(response, 400, { kind: 'Status', message: 'admission webhook "freeze" denied the request' });
      else json(response, 403, { kind: 'Status', reason: 'Forbidden' });
    });
    const kubeconfig = join(world.folder, 'tiny');
    await writeFile(kubeconfig, server.kubeconfig);
    const ran = await runWith({ ...optionsFor(name), kubeconfig });
    await server.close();
    said.push(ran);
    expect(ran.code).toBe(10);
    expect(flat(ran.out)).toContain('admission webhook "freeze" denied the request');
    expect(flat(ran.out)).toContain('the canary keeps its traffic');
  });

  it('when the webhook of istiod stays down', async () => {
    const { name } = await world.moved(20);
    world.sandbox.faults.webhook = 'down';
    const { code, out } = await run(name, {}, { budgetMs: 400 });
    expect([code, world.weights(name)]).toEqual([10, [80, 20]]);
    expect(flat(out)).toContain('failed calling webhook');
    expect(flat(out)).toContain('now v1 (stable) 80 %, v2 (canary) 20 %');
    expect(flat(out)).toContain('get pods -n istio-system');
  });

  it('when somebody else never stops writing', async () => {
    const { name } = await world.moved(20);
    world.sandbox.faults.everyPatch = 'conflict';
    const { code, out } = await run(name, {}, { budgetMs: 400 });
    expect([code, flat(out)]).toEqual([10, expect.stringContaining('somebody else keeps writing')]);
  });

  it('when the API server cannot be reached', async () => {
    const { name } = await world.moved(20);
    world.sandbox.faults.apiDown = true;
    const { code, out } = await run(name, {}, { budgetMs: 400 });
    expect([code, flat(out)]).toEqual([12, expect.stringContaining('the API server could not be asked')]);
  });

  it('when the object is deleted while it asks', async () => {
    const { name } = await world.moved(20);
    const ask = async () => {
      world.remove(name);
      return 'yes';
    };
    const { code, out } = await run(name, { yes: false }, { ask });
    expect([code, flat(out)]).toEqual([6, expect.stringContaining('there is no VirtualService')]);
  });

  it('when the context is not in the kubeconfig', async () => {
    const { name } = await world.moved(20);
    const { code, out } = await run(name, { context: 'prod' });
    expect([code, flat(out)]).toEqual([2, expect.stringContaining('no context prod; its contexts: sandbox')]);
  });

  it('in lines of 80 columns', () => {
    const shown = said.flatMap(({ out }) => out.split('\n'));
    expect(shown.length).toBeGreaterThan(100);
    // A word that is longer than a line, such as a path in a message of the API server, keeps it for itself.
    expect(shown.filter((line) => line.length > 80 && line.trim().includes(' '))).toEqual([]);
  });
});
