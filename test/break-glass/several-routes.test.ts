import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import { namespace } from '../traffic/sandbox-mesh.ts';
import { epoch, flat, openWorld, type Ran, rolloutId, type World } from './world.ts';

let world: World;
const said: Ran[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const run: World['run'] = async (...asked) => {
  const ran = await world.run(...asked);
  said.push(ran);
  return ran;
};

const preview: ManagedRoute = {
  kind: 'header',
  name: 'preview',
  match: [{ headers: { 'x-canary': { exact: 'true' } } }],
};

/** A VirtualService with the routes primary and second, both moved to 20 %, with a managed route before each. */
async function moved(): Promise<string> {
  const name = world.add({ v1: 100, v2: 0 });
  editRoutes(name, (http) => [...http, { ...Object(http[0]), name: 'second' }]);
  const signal = AbortSignal.timeout(5000);
  const routes = ['primary', 'second'];
  const request = { cluster: 'default', namespace, virtualService: name, routes };
  const found = await world.mesh.resolve(request, signal);
  if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
  const view = await world.mesh.look(found.target, signal);
  if (view.kind !== 'split') throw new Error(`the view is ${view.kind}`);
  const write = { share: 20, rolloutId, epoch, end: false, managed: [preview] };
  const written = await world.mesh.write(found.target, view, write, signal);
  if (written.kind !== 'applied') throw new Error(JSON.stringify(written));
  return name;
}

function editRoutes(name: string, change: (http: object[]) => object[]): void {
  world.edit(name, (object) => ({
    ...object,
    spec: { ...Object(object['spec']), http: change(world.stored(name).spec.http) },
  }));
}

const routesOf = (name: string) =>
  world.stored(name).spec.http.map((route) => [route['name'], ...route.route.map((one) => one['weight'])]);

describe('break-glass rollback of several routes', () => {
  it('takes all of them back, and the routes that canaryd put there, in one write', async () => {
    const name = await moved();
    expect(routesOf(name).map(([called]) => called)).toEqual([
      'canaryd-preview',
      'primary',
      'canaryd-preview',
      'second',
    ]);
    const { code, out } = await run(name);
    expect(code).toBe(0);
    expect(routesOf(name)).toEqual([
      ['primary', 100, 0],
      ['second', 100, 0],
    ]);
    const words = flat(out);
    expect(words).toContain('route primary, route second');
    expect(words).toContain('Now route primary: v1 (stable) 80 %, v2 (canary) 20 %');
    expect(words).toContain('weight of v2 in route second 20 -> 0');
    expect(words).toContain('without the managed routes preview');
  });

  it('a second time writes nothing', async () => {
    const name = await moved();
    await run(name);
    const before = world.stored(name);
    expect((await run(name)).code).toBe(0);
    expect(world.stored(name)).toEqual(before);
  });

  it('takes back what it can, and says what it left and what to type', async () => {
    const name = await moved();
    editRoutes(name, (http) =>
      http.map((route) =>
        'name' in route && route.name === 'second' ? { ...route, name: 'renamed' } : route,
      ),
    );
    const { code, out } = await run(name);
    expect(code).toBe(10);
    expect(routesOf(name)).toEqual([
      ['primary', 100, 0],
      ['renamed', 80, 20],
    ]);
    const words = flat(out);
    expect(words).toContain(
      'Left route second keeps its traffic as it is: spec.http: no http route is named "second"',
    );
    expect(words).toContain(`edit virtualservice ${name}`);
  });

  it('tells each route in the record', async () => {
    const { out } = await run(await moved(), { json: true });
    expect(JSON.parse(out)).toMatchObject({
      outcome: 'rolled_back',
      from: {
        canary: { share: 20 },
        routes: [{ route: 'primary' }, { route: 'second', canary: { share: 20 } }],
      },
      to: { canary: { share: 0 }, routes: [{ canary: { share: 0 } }, { canary: { share: 0 } }] },
    });
  });

  it('where no rollout moves anything gives the patch that takes routes of canaryd away', async () => {
    const name = world.add({ v1: 100, v2: 0 });
    editRoutes(name, (http) => [{ ...Object(http[0]), name: 'canaryd-left' }, ...http]);
    const { code, out } = await run(name);
    expect(code).not.toBe(0);
    expect(out).toContain('{"op":"test","path":"/spec/http/0/name","value":"canaryd-left"}');
    expect(out).toContain('{"op":"remove","path":"/spec/http/0"}');
  });

  it('says it in 80 columns', () => {
    const lines = said.flatMap(({ out, err }) => `${out}${err}`.split('\n'));
    expect(lines.filter((line) => line.length > 80 && !/[{"]/.test(line))).toEqual([]);
  });
});
