import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Fact } from '../../src/readiness/snapshot.ts';
import { type ClusterFacts, clusterFacts } from '../../src/readiness/sources.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { User } from '../../src/sandbox/auth.ts';
import { joined } from '../../src/sandbox/demo-mesh.ts';
import { ledgerMesh } from '../../src/sandbox/ledger-mesh.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { egressObjects } from '../../src/sandbox/platform.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { type Clusters, openClusters } from '../../src/traffic/clusters.ts';
import { issuedCertificates, kinds, otherCanaries, selecting } from '../../src/traffic/surroundings-kinds.ts';

const Metadata = z.strictObject({ name: z.string(), namespace: z.string().optional() });
const Reference = z.looseObject({ kind: z.string(), name: z.string() });
const Role = z.strictObject({
  apiVersion: z.literal('rbac.authorization.k8s.io/v1'),
  kind: z.enum(['Role', 'ClusterRole']),
  metadata: Metadata,
  rules: z.array(
    z.strictObject({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      resourceNames: z.array(z.string()).min(1).optional(),
      verbs: z.array(z.string()),
    }),
  ),
});
const Binding = z.strictObject({
  apiVersion: z.literal('rbac.authorization.k8s.io/v1'),
  kind: z.enum(['RoleBinding', 'ClusterRoleBinding']),
  metadata: Metadata,
  roleRef: Reference,
  subjects: z.array(Reference),
});
type Role = z.infer<typeof Role>;

const write = await manifestOf('canaryd-write.yaml');
const read = await manifestOf('canaryd-read.yaml');
const isOptional = ({ metadata }: Role) => metadata.name === 'canaryd-read-gateways';

async function manifestOf(file: string) {
  const text = await readFile(new URL(`../../docs/guides/roles/${file}`, import.meta.url), 'utf8');
  const documents = parseAllDocuments(text).map((document) =>
    z.union([Role, Binding]).parse(document.toJS()),
  );
  return {
    roles: documents.flatMap((one) => ('rules' in one ? [one] : [])),
    bindings: documents.flatMap((one) => ('roleRef' in one ? [one] : [])),
  };
}

describe('the shipped Roles', () => {
  const all = [...write.roles, ...read.roles];
  const rules = all.flatMap((role) => role.rules);

  it('name no Secret and no wildcard, and no verb that changes anything but VirtualServices', () => {
    const words = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
    expect(words.filter((word) => /\*|secret/.test(word))).toEqual([]);
    const verbs = read.roles.flatMap((role) => role.rules).flatMap((rule) => rule.verbs);
    expect([...new Set(verbs)].toSorted()).toEqual(['get', 'list', 'watch']);
  });

  it('let canaryd write named VirtualServices, and nothing else', () => {
    expect(write.roles).toEqual([
      expect.objectContaining({
        kind: 'Role',
        rules: [
          {
            apiGroups: ['networking.istio.io'],
            resources: ['virtualservices'],
            resourceNames: ['payment-service'],
            verbs: ['get', 'patch'],
          },
        ],
      }),
    ]);
  });

  it('are explained, each kind, on the page about permissions', async () => {
    const page = await readFile(new URL('../../docs/guides/permissions.md', import.meta.url), 'utf8');
    const singular = (resource: string) => ({ configmaps: 'ConfigMap', namespaces: 'Namespace' })[resource];
    const kindsIn = rules.flatMap(({ resources }) => resources.map((one) => singular(one) ?? `\`${one}\``));
    expect([...new Set(kindsIn)].filter((one) => !page.includes(one))).toEqual([]);
    expect(
      rules.flatMap(({ resourceNames = [] }) => resourceNames).filter((one) => !page.includes(one)),
    ).toEqual(['payment-service']);
  });

  it('are all bound to the same account', () => {
    const placeOf = ({ kind, metadata }: Pick<Role, 'metadata'> & { kind: string }) =>
      `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    const bindings = [...write.bindings, ...read.bindings];
    const bound = bindings.map(({ roleRef, metadata }) =>
      placeOf({ kind: roleRef.kind, metadata: { ...metadata, name: roleRef.name } }),
    );
    expect(bound).toEqual(all.map(placeOf));
    expect(new Set(bindings.map(({ subjects }) => JSON.stringify(subjects))).size).toBe(1);
  });
});

type Right = { role: Role; rule: User['rules'][number] };

/** One right for each verb and resource, so that a single one can be taken away. */
function rightsOf(roles: readonly Role[]): Right[] {
  return roles.flatMap((role) => {
    const { namespace } = role.metadata;
    return role.rules.flatMap(({ apiGroups: groups, resources, resourceNames: names, verbs }) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => {
          const within = namespace === undefined ? {} : { namespaces: [namespace] };
          const named = names === undefined ? {} : { names };
          return { role, rule: { verbs: [verb], groups, resources: [resource], ...within, ...named } };
        }),
      ),
    );
  });
}

const signal = new AbortController().signal;
const callees = ['ledger-prod'];
const callers = ['order-prod'];

let sandbox: Sandbox;
let clusters: Clusters;
let target: Target;
let reports: string[];

/** Reads with these rights, and no others. */
async function withRights<Value>(rights: readonly Right[], ask: () => Promise<Value>): Promise<Value> {
  const user = sandbox.users.find(({ name }) => name === 'shipped');
  if (user === undefined) throw new Error('the user is gone');
  const index = sandbox.users.indexOf(user);
  sandbox.users[index] = { ...user, rules: rights.map(({ rule }) => rule) };
  return ask();
}

/** All that stands around the target. */
function surroundings(): Promise<ClusterFacts> {
  return clusters.surroundings.turns({ target, callees, callers, wanted: new Set(clusterFacts) }, signal);
}

/** What could not be read, whole or in part, as people would be told. */
async function unreadWith(rights: readonly Right[]): Promise<string[]> {
  const facts = await withRights(rights, surroundings);
  const entries: [string, Fact<unknown>][] = Object.entries(facts);
  const told = entries.flatMap(([name, fact]) =>
    (fact.kind === 'unread' ? [fact.why] : (fact.gaps ?? [])).map((why) => `${name}: ${why}`),
  );
  const refused = facts.rights.kind === 'read' ? facts.rights.value.filter(({ allowed }) => !allowed) : [];
  return [...told, ...refused.map(({ verb, resource }) => `may not ${verb} ${resource}`)];
}

const shopTls = { gateway: 'istio-egress/with-a-secret', credentialName: 'shop-tls' };
const gatewayWithSecret = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { namespace: 'istio-egress', name: 'with-a-secret' },
  spec: {
    selector: { istio: 'egressgateway' },
    servers: [{ hosts: ['shop.example.com'], tls: { credentialName: 'shop-tls' } }],
  },
};
const certificate = {
  apiVersion: 'cert-manager.io/v1',
  kind: 'Certificate',
  metadata: { namespace: 'istio-egress', name: 'shop' },
  spec: { secretName: 'shop-tls', dnsNames: ['shop.example.com'] },
  status: { notAfter: '2027-02-01T00:00:00Z', renewalTime: '2027-01-01T00:00:00Z' },
};

async function certificatesWith(rights: readonly Right[]) {
  const { gatewayCertificates } = await withRights(rights, surroundings);
  if (gatewayCertificates.kind === 'unread') throw new Error(gatewayCertificates.why);
  return gatewayCertificates.value;
}

/** One check asks for it, and says itself when it is missing. */
const ofCallers = ({ role }: Right) => role.metadata.namespace === 'order-prod';
const optional = rightsOf(read.roles.filter(isOptional));
const needed = rightsOf([...write.roles, ...read.roles.filter((role) => !isOptional(role))]);

beforeAll(async () => {
  const mesh = joined([paymentMesh(['v1', 'v2']), ledgerMesh(), { services: [], objects: egressObjects() }]);
  sandbox = await startSandbox({ tickMs: 0, mesh });
  sandbox.users.push({ name: 'shipped', token: 'shipped-token', rules: needed.map(({ rule }) => rule) });
  reports = [];
  const log = { info: note, warn: note };
  const source = { kind: 'text', text: sandbox.kubeconfigFor('shipped') } as const;
  clusters = await openClusters([{ name: 'default', source, clusterDomain: 'cluster.local' }], log);
  const request = { cluster: 'default', namespace: 'payment-prod', virtualService: 'payment-service' };
  const resolution = await clusters.mesh.resolve(request, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  ({ target } = resolution);
});
afterAll(async () => {
  await clusters.close();
  await sandbox.close();
});

function note(fields: Record<string, unknown>, message: string): void {
  reports.push(`${message}: ${JSON.stringify(fields)}`);
}

describe('a cluster that grants exactly the shipped Roles', () => {
  it('shows canaryd all that stands around a target', async () => {
    expect(await unreadWith(needed)).toEqual([]);
  });

  it('keeps the certificates of gateways, which are in Secrets, to itself', async () => {
    storeObject(sandbox.store, gatewayWithSecret);
    expect(await certificatesWith(needed)).toEqual([
      { ...shopTls, why: expect.stringContaining('it is in a Secret, which canaryd never reads') },
    ]);
    expect(await unreadWith(needed)).toEqual([]);
  });

  it('shows when those end that cert-manager keeps with the optional ones alone', async () => {
    storeObject(sandbox.store, gatewayWithSecret);
    storeObject(sandbox.store, certificate);
    const [deployments, certificates] = optional;
    if (deployments === undefined || certificates === undefined) throw new Error('there are two');
    expect(await certificatesWith([...needed, ...optional])).toEqual([
      { ...shopTls, notAfter: Date.UTC(2027, 1, 1), renewsAt: Date.UTC(2027, 0, 1) },
    ]);
    expect(await certificatesWith([...needed, deployments])).toMatchObject([
      { why: expect.stringContaining('canaryd may not list Certificates in istio-egress') },
    ]);
    expect(await certificatesWith([...needed, certificates])).toMatchObject([
      { why: expect.stringContaining('no Deployment with its labels was read') },
    ]);
  });

  it('shows the pods of an egress gateway with the optional ones alone', async () => {
    const namesWith = async (rights: readonly Right[]) => {
      const { deployments } = await withRights(rights, surroundings);
      return deployments.kind === 'read' ? deployments.value.map(({ metadata }) => metadata.name) : [];
    };
    expect(await namesWith(needed)).not.toContain('istio-egressgateway');
    expect(await namesWith([...needed, ...optional])).toContain('istio-egressgateway');
  });

  it('shows the namespace of a caller, without which nothing else is missed', async () => {
    const seenWith = async (rights: readonly Right[]) => {
      const { namespaces } = await withRights(rights, surroundings);
      if (namespaces.kind === 'unread') throw new Error(namespaces.why);
      return namespaces.value.map(({ metadata }) => metadata.name);
    };
    const others = needed.filter((right) => !ofCallers(right));
    expect(others.length).toBe(needed.length - 1);
    expect(await seenWith(needed)).toContain('order-prod');
    expect(await seenWith(others)).not.toContain('order-prod');
    expect(await unreadWith(others)).toEqual([]);
  });

  it('lets a rollout move its weights, read its pods and watch them', async () => {
    const { mesh } = clusters;
    await withRights(needed, async () => undefined);
    const view = await mesh.look(target, signal);
    if (view.kind !== 'split') throw new Error(JSON.stringify(view));
    expect(view.readiness.canary).toMatchObject({ ready: 2 });
    const written = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
    expect(await mesh.rehearse(target, view, written, signal)).toEqual({ kind: 'accepted' });
    expect(await mesh.write(target, view, written, signal)).toEqual({ kind: 'applied', canaryShare: 5 });
    const recent = async () => {
      const seen = await mesh.look(target, signal, { recent: true });
      return seen.kind === 'split' && seen.recent === true;
    };
    await expect.poll(recent, { timeout: 8000, interval: 20 }).toBe(true);
    expect(reports).toEqual([]);
  });
});

describe('each right of the shipped Roles', () => {
  /** A turn goes on without them, and asks more or knows less. */
  const ofTurns = ({ rule }: Right) => rule.verbs.includes('watch') || rule.resources.includes('replicasets');
  /** The sandbox has neither Argo CD, Argo Rollouts nor Flagger. */
  const ofOthers = ({ rule }: Right) =>
    rule.groups.some((group) => /^(argoproj.io|flagger.app)$/.test(group));
  const words = ({ role, rule }: Right) =>
    `${rule.verbs.join()} ${rule.resources.join()}, ${role.kind} ${role.metadata.namespace ?? 'of all namespaces'}`;
  const tried = needed.filter((right) => !ofTurns(right) && !ofOthers(right) && !ofCallers(right));

  it.each(
    tried.map((right) => [words(right), right] as const),
  )('is missed where it is taken away: %s', async (_words, right) => {
    expect(await unreadWith(needed.filter((one) => one !== right))).not.toEqual([]);
  });

  it('covers every kind that readiness lists, of tools that are not installed, too', () => {
    const wanted = [...Object.values(kinds), ...selecting, ...otherCanaries];
    const listed = needed.flatMap(({ rule }) =>
      rule.verbs.includes('list') ? [`${rule.groups.join()}/${rule.resources.join()}`] : [],
    );
    const names = wanted.map(({ group, plural }) => `${group}/${plural}`);
    expect([...new Set(listed)].filter((one) => one !== 'apps/replicasets').toSorted()).toEqual(
      names.toSorted(),
    );
    expect(optional.map(({ rule }) => `${rule.groups.join()}/${rule.resources.join()}`)).toContain(
      `${issuedCertificates.group}/${issuedCertificates.plural}`,
    );
  });
});
