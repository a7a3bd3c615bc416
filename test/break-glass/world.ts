import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { breakGlass, type Surroundings } from '../../src/break-glass/break-glass.ts';
import type { BreakGlassOptions } from '../../src/break-glass/options.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { edit, namespace, remove, virtualServiceObject } from '../traffic/sandbox-mesh.ts';

export const rolloutId = 'ro_01KAQ4S7V0000000000000000A';
export const epoch = 7;

const Stored = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.looseObject({ http: z.array(z.looseObject({ route: z.array(z.looseObject({})) })) }),
});
type Stored = z.infer<typeof Stored>;

export type Ran = { code: number; out: string; err: string };
export type World = {
  sandbox: Sandbox;
  mesh: ReturnType<typeof istioMesh>;
  kube: Kube;
  kubeconfig: string;
  folder: string;
  /** Adds a VirtualService at rest with these shares by subset; answers its name. */
  add(shares: Record<string, number>): string;
  /** The same, moved by a rollout as canaryd does it. */
  moved(share: number, shares?: Record<string, number>): Promise<{ name: string; target: Target }>;
  /** One write of canaryd. */
  write(target: Target, share: number, atEpoch: number): Promise<void>;
  edit(name: string, change: (object: JsonObject) => JsonObject): void;
  remove(name: string): void;
  stored(name: string): Stored;
  weights(name: string): (number | undefined)[];
  /** Path of a kubeconfig for another user of the cluster. */
  kubeconfigOf(user: string): Promise<string>;
  run(name: string, more?: Partial<BreakGlassOptions>, around?: Partial<Surroundings>): Promise<Ran>;
  close(): Promise<void>;
};

/** One simulated cluster for all tests of a file; every test has a VirtualService of its own. */
export async function openWorld(): Promise<World> {
  const sandbox = await startSandbox({ tickMs: 0 });
  const kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  const mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-break-glass-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, sandbox.kubeconfig);
  let count = 0;
  const world: World = {
    sandbox,
    mesh,
    kube,
    kubeconfig,
    folder,
    add: (shares) => {
      count += 1;
      storeObject(sandbox.store, virtualServiceObject(where(`payment-${count}`), shares));
      return `payment-${count}`;
    },
    moved: async (share, shares = { v1: 100, v2: 0 }) => {
      const name = world.add(shares);
      const request = { cluster: 'default', namespace, virtualService: name, canary: { subset: 'v2' } };
      const found = await mesh.resolve(request, patience());
      if (found.kind !== 'resolved') throw new Error(`the target is ${found.kind}`);
      await world.write(found.target, share, epoch);
      return { name, target: found.target };
    },
    write: async (target, share, atEpoch) => {
      const view = await mesh.look(target, patience());
      if (view.kind !== 'split') throw new Error(`the view is ${view.kind}`);
      const write = { share, rolloutId, epoch: atEpoch, end: false };
      const written = await mesh.write(target, view, write, patience());
      if (written.kind !== 'applied') throw new Error(`the write is ${written.kind}`);
    },
    edit: (name, change) => edit(sandbox, where(name), change),
    remove: (name) => remove(sandbox, where(name)),
    stored: (name) => Stored.parse(sandbox.store.get({ type: virtualServices, namespace, name })),
    weights: (name) =>
      (world.stored(name).spec.http[0]?.route ?? []).map(({ weight }) => z.number().optional().parse(weight)),
    kubeconfigOf: async (user) => {
      const path = join(folder, user);
      await writeFile(path, sandbox.kubeconfigFor(user));
      return path;
    },
    run: (name, more = {}, around = {}) => runWith({ ...optionsFor(name), kubeconfig, ...more }, around),
    close: async () => {
      await kube.close();
      await sandbox.close();
      await rm(folder, { recursive: true });
    },
  };
  return world;
}

export function optionsFor(name: string): BreakGlassOptions {
  return {
    namespace,
    name,
    kubeconfig: null,
    context: null,
    dryRun: false,
    yes: true,
    json: false,
    reason: null,
  };
}

/** Runs the program; where a test does not say otherwise nobody sits at the terminal and it tries for two seconds. */
export async function runWith(options: BreakGlassOptions, around: Partial<Surroundings> = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await breakGlass(options, {
    environment: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ask: null,
    now: Date.now,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    budgetMs: 2000,
    ...around,
  });
  return { code, out, err };
}

/** What was said, on one line, so that a test need not know where lines break. */
export function flat(text: string): string {
  return text.replaceAll(/ \\\n\s+/g, ' ').replaceAll(/\s+/g, ' ');
}

function where(virtualService: string) {
  return { namespace, virtualService };
}

function patience(): AbortSignal {
  return AbortSignal.timeout(5000);
}

type Route = Stored['spec']['http'][number]['route'];

/** The object with another list of destinations in its only route. */
export function withRoute(object: JsonObject, change: (route: Route) => Route): JsonObject {
  const { spec, ...rest } = Stored.parse(object);
  const http = spec.http.map((route) => ({ ...route, route: change(route.route) }));
  return JSON.parse(JSON.stringify({ ...rest, spec: { ...spec, http } }));
}

export function withWeights(object: JsonObject, weights: readonly number[]): JsonObject {
  return withRoute(object, (route) => route.map((one, index) => ({ ...one, weight: weights[index] ?? 0 })));
}

/** The object with an annotation, or without it. */
export function withAnnotation(object: JsonObject, name: string, value: string | null): JsonObject {
  const { metadata, ...rest } = Stored.parse(object);
  const { [name]: _old, ...others } = metadata.annotations;
  const annotations = value === null ? others : { ...others, [name]: value };
  return JSON.parse(JSON.stringify({ ...rest, metadata: { ...metadata, annotations } }));
}

/** What somebody else keeps in the same object: a timeout, headers, another route, a note. */
export function withEdits(object: JsonObject): JsonObject {
  const { spec, ...rest } = Stored.parse(
    withAnnotation(object, 'example.test/note', 'do not touch "this" / ~that'),
  );
  const headers = { response: { add: { 'x-served-by': 'mesh' } } };
  const http = [
    ...spec.http.map((route) => ({ ...route, timeout: '7s', headers })),
    {
      name: 'other',
      match: [{ uri: { prefix: '/other' } }],
      route: [{ destination: { host: 'other' }, weight: 3 }],
    },
  ];
  return JSON.parse(JSON.stringify({ ...rest, spec: { ...spec, http } }));
}
