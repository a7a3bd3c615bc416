import { parse } from 'yaml';
import { z } from 'zod';
import type { Fact, MeshConfig } from '../readiness/snapshot.ts';
import type { Asking } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { defaultRevision, type Revision } from './mesh-revision.ts';
import { readConfigMap } from './read-config-map.ts';
import { type Unread, unread } from './surroundings-words.ts';

/** Where the mesh is installed: the namespace of istiod, and the DNS domain of the cluster. */
export type Installation = { rootNamespace: string; clusterDomain: string };

/**
 * The mesh's configuration, with Istio's defaults for what is not set, and from the injector's whether namespaces are
 * injected unless they say no. That of a revision has the revision in its name.
 * Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
 */
export async function readMeshConfig(
  asking: Asking,
  installation: Installation,
  revision: Revision,
): Promise<Fact<MeshConfig>> {
  const namespace = installation.rootNamespace;
  for (const { revision: name, doubt } of revision.tries) {
    const fact = await readRevision(asking, installation, mapsOf(namespace, name));
    if (fact === null) continue;
    if (doubt === null || fact.kind === 'unread') return fact;
    return readFact(fact.value, [doubt, ...(fact.gaps ?? [])]);
  }
  return notThere(namespace, revision);
}

/** Null when there is no such revision. */
async function readRevision(
  asking: Asking,
  installation: Installation,
  maps: Maps,
): Promise<Fact<MeshConfig> | null> {
  const [mesh, injector] = await Promise.all([
    readConfigMap(asking, maps.mesh),
    readConfigMap(asking, maps.injector),
  ]);
  if (mesh.kind === 'unread') return mesh;
  return mesh.value === null ? null : meshFact(installation, maps, { mesh: mesh.value, injector });
}

type MapName = { namespace: string; name: string };
type Maps = { mesh: MapName; injector: MapName };
type Data = Record<string, string>;

function mapsOf(namespace: string, revision: string): Maps {
  const ending = revision === defaultRevision ? '' : `-${revision}`;
  return {
    mesh: { namespace, name: `istio${ending}` },
    injector: { namespace, name: `istio-sidecar-injector${ending}` },
  };
}

function meshFact(
  installation: Installation,
  maps: Maps,
  { mesh, injector }: { mesh: Data; injector: Awaited<ReturnType<typeof readConfigMap>> },
): Fact<MeshConfig> {
  const parsed = Mesh.safeParse(documentIn(mesh['mesh'] ?? ''));
  if (!parsed.success) return notUnderstood(maps.mesh, parsed.error);
  const injects = injector.kind === 'unread' ? injector : injectsByDefault(injector.value, maps.injector);
  const value = { ...meshOf(parsed.data, installation), injectsByDefault: injects === true };
  return typeof injects === 'boolean' ? readFact(value) : readFact(value, [injects.why]);
}

function notThere(namespace: string, { tries, mend }: Revision): Unread {
  const names = tries.map(({ revision }) => shown(mapsOf(namespace, revision).mesh)).join(', ');
  const missing = `there is no ConfigMap ${names}`;
  const doubt = tries.at(-1)?.doubt ?? null;
  return doubt === null
    ? unread(missing, `tell canaryd the namespace that istiod runs in (clusters[].rootNamespace), or ${mend}`)
    : unread(`${doubt}; ${missing}`, mend);
}

function notUnderstood(map: MapName, error: z.ZodError): Unread {
  const path = error.issues[0]?.path.join('.') ?? '';
  const where = path === '' ? 'mesh' : `mesh: ${path}`;
  return unread(
    `in the ConfigMap ${shown(map)} ${where} is not understood`,
    `mend it: kubectl -n ${map.namespace} get configmap ${map.name} -o yaml`,
  );
}

function shown({ namespace, name }: MapName): string {
  return `${namespace}/${name}`;
}

const Mesh = z.looseObject({
  rootNamespace: z.string().nullish(),
  trustDomain: z.string().nullish(),
  trustDomainAliases: z.array(z.string()).nullish(),
  enableAutoMtls: z.boolean().nullish(),
  outboundTrafficPolicy: z.looseObject({ mode: z.string().nullish() }).nullish(),
});

/** Text that is no YAML is no document; an empty one sets nothing. */
function documentIn(text: string): unknown {
  try {
    return parse(text) ?? {};
  } catch {
    return null;
  }
}

function meshOf(mesh: z.infer<typeof Mesh>, { rootNamespace, clusterDomain }: Installation) {
  return {
    rootNamespace: mesh.rootNamespace || rootNamespace,
    istiodNamespace: rootNamespace,
    outboundTrafficPolicyMode: mesh.outboundTrafficPolicy?.mode ?? '',
    trustDomain: mesh.trustDomain || 'cluster.local',
    trustDomainAliases: mesh.trustDomainAliases ?? [],
    enableAutoMtls: mesh.enableAutoMtls ?? true,
    clusterDomain,
  };
}

const Values = z.looseObject({
  sidecarInjectorWebhook: z.looseObject({ enableNamespacesByDefault: z.boolean().nullish() }).nullish(),
});

/** Without an injector nothing is injected. */
function injectsByDefault(data: Data | null, map: MapName): boolean | { why: string } {
  const values = Values.safeParse(documentIn(data?.['values'] ?? ''));
  if (values.success) return values.data.sidecarInjectorWebhook?.enableNamespacesByDefault ?? false;
  return { why: `in the ConfigMap ${shown(map)} values is not understood` };
}
