import { readFileSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { namespaces, resourceTypes } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { chooseCluster } from './cluster-choice.ts';
import { type ClusterWorld, openClusterWorld } from './cluster-world.ts';
import { meshContract } from './mesh-contract.ts';

const choice = chooseCluster(process.env);
if (choice.kind === 'none' && choice.hint !== null) process.stderr.write(`${choice.hint}\n`);
if (choice.kind === 'chosen') {
  meshContract(`the cluster ${choice.context}`, () => openClusterWorld(choice.config));
}
if (choice.kind === 'refused') {
  it('the contract suite finds the cluster that was asked for', () => {
    throw new Error(choice.why);
  });
}

const guide = new URL('../../docs/guides/contract-against-a-cluster.md', import.meta.url);
const Role = z.looseObject({
  kind: z.literal('ClusterRole'),
  rules: z.array(
    z.strictObject({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      verbs: z.array(z.string()),
    }),
  ),
});

/** A user of the sandbox with exactly the rights that the guide asks for. */
function addGuidedUser({ users }: Sandbox): void {
  const [, role = ''] = /```yaml\n(apiVersion: rbac[\s\S]*?)```/.exec(readFileSync(guide, 'utf8')) ?? [];
  const rules = Role.parse(parse(role)).rules.map(({ apiGroups: groups, ...rule }) => ({ ...rule, groups }));
  users.push({ name: 'guided', token: 'guided-token', rules });
}

let sandbox: Sandbox;
let world: ClusterWorld;
let before: string[];

meshContract('a cluster that is only known by its kubeconfig', async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  addGuidedUser(sandbox);
  before = inventory();
  const config = new KubeConfig();
  config.loadFromString(sandbox.kubeconfigFor('guided'));
  world = await openClusterWorld(config);
  return world;
});

/** Every object of the cluster with its version. */
function inventory(): string[] {
  return resourceTypes
    .flatMap((type) => sandbox.store.list(type))
    .map(({ kind, metadata }) => {
      const { namespace = '', name, resourceVersion } = Object(metadata);
      return `${kind} ${namespace}/${name} ${resourceVersion}`;
    })
    .sort();
}

describe('the contract suite in a cluster', () => {
  afterAll(() => sandbox.close());

  /** The namespace that a path leads into. */
  const namespaceOf = (path: string) => /\/namespaces\/([^/?]+)/.exec(path)?.[1] ?? '';

  it('has sent nothing past its own two namespaces', () => {
    const outside = world.requests.filter(
      ({ path }) => path !== '/api/v1/namespaces' && !world.namespaces.includes(namespaceOf(path)),
    );
    expect(new Set(world.namespaces).size).toBe(2);
    expect(world.requests.length).toBeGreaterThan(100);
    expect(outside).toEqual([]);
    expect(world.requests.filter(({ passed }) => !passed)).toEqual([]);
  });

  it('has written only there', () => {
    const paths = sandbox.writes.map(({ path }) => path);
    const others = paths.filter((path) => !world.namespaces.includes(namespaceOf(path)));
    expect(others).toEqual(['/api/v1/namespaces', '/api/v1/namespaces']);
  });

  it('leaves nothing and has changed nothing of others', () => {
    expect(inventory()).toEqual(before);
    const names = sandbox.store.list(namespaces).map(({ metadata }) => Object(metadata).name);
    expect(names.filter((name) => world.namespaces.includes(name))).toEqual([]);
  });
});
