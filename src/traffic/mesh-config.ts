import { parse } from 'yaml';
import { z } from 'zod';
import type { Fact, MeshConfig } from '../readiness/snapshot.ts';
import type { Asking } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { readConfigMap } from './read-config-map.ts';
import { type Unread, unread } from './surroundings-words.ts';

/** Where the mesh is installed: the namespace of istiod, and the DNS domain of the cluster. */
export type Installation = { rootNamespace: string; clusterDomain: string };

const meshMap = 'istio';
const injectorMap = 'istio-sidecar-injector';

/**
 * The mesh's configuration, with Istio's defaults for what is not set, and from the injector's whether namespaces are
 * injected unless they say no.
 * Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
 */
export async function readMeshConfig(asking: Asking, installation: Installation): Promise<Fact<MeshConfig>> {
  const namespace = installation.rootNamespace;
  const [mesh, injector] = await Promise.all([
    readConfigMap(asking, { namespace, name: meshMap }),
    readConfigMap(asking, { namespace, name: injectorMap }),
  ]);
  if (mesh.kind === 'unread') return mesh;
  if (mesh.value === null) return notThere(namespace);
  const parsed = Mesh.safeParse(documentIn(mesh.value['mesh'] ?? ''));
  if (!parsed.success) return notUnderstood(namespace, parsed.error);
  const injects = injector.kind === 'unread' ? injector : injectsByDefault(injector.value, namespace);
  const value = { ...meshOf(parsed.data, installation), injectsByDefault: injects === true };
  return typeof injects === 'boolean' ? readFact(value) : readFact(value, [injects.why]);
}

function notThere(namespace: string): Unread {
  return unread(
    `there is no ConfigMap ${namespace}/${meshMap}`,
    `tell canaryd the namespace that istiod runs in; canaryd reads no configuration of a revision (kubectl -n ${namespace} get configmaps)`,
  );
}

function notUnderstood(namespace: string, error: z.ZodError): Unread {
  const path = error.issues[0]?.path.join('.') ?? '';
  const where = path === '' ? 'mesh' : `mesh: ${path}`;
  return unread(
    `in the ConfigMap ${namespace}/${meshMap} ${where} is not understood`,
    `mend it: kubectl -n ${namespace} get configmap ${meshMap} -o yaml`,
  );
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
function injectsByDefault(data: Record<string, string> | null, namespace: string): boolean | { why: string } {
  const values = Values.safeParse(documentIn(data?.['values'] ?? ''));
  if (values.success) return values.data.sidecarInjectorWebhook?.enableNamespacesByDefault ?? false;
  return { why: `in the ConfigMap ${namespace}/${injectorMap} values is not understood` };
}
