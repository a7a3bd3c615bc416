import type { AuthorizationPolicy, Deployment, Gateway, Namespace } from '../readiness/objects.ts';
import type { Fact, MeshConfig } from '../readiness/snapshot.ts';
import type { ClusterQuestion } from '../rollout/ports/readiness.ts';
import { objectsOf } from '../rollout/target.ts';
import { deploymentsBehind } from './gateway-facts.ts';
import { type Asking, listAmong, listEverywhere, listLabelled, type SurroundingsKube } from './list-facts.ts';
import { type Installation, readMeshConfig } from './mesh-config.ts';
import { revisionFor } from './mesh-revision.ts';
import { readNamespace } from './read-namespace.ts';
import { kinds } from './surroundings-kinds.ts';

/** One cluster, and where the mesh is installed in it. */
export type SurroundingsSource = Installation & { kube: SurroundingsKube };

/**
 * One inspection of the surroundings of a target. What several facts are made of is asked for when the first of them
 * needs it, and once.
 */
export type Reading = {
  asking: Asking;
  question: ClusterQuestion;
  /** Namespaces of the two services, each once. */
  services: readonly string[];
  /** Those of the services, and the root namespace of the mesh. */
  withRoot: () => Promise<string[]>;
  /** All that canaryd knows of. */
  known: () => Promise<string[]>;
  namespace: (name: string) => Promise<Fact<Namespace[]>>;
  istiods: () => Promise<Fact<Deployment[]>>;
  meshConfig: () => Promise<Fact<MeshConfig>>;
  gateways: () => Promise<Fact<Gateway[]>>;
  deploymentsBehindGateways: () => Promise<Deployment[]>;
  authorizationPolicies: () => Promise<Fact<AuthorizationPolicy[]>>;
};

/** Begins an inspection; nothing is asked yet. */
export function beginReading(
  { kube, ...installation }: SurroundingsSource,
  question: ClusterQuestion,
  signal: AbortSignal,
): Reading {
  const { target } = question;
  const moved = objectsOf(target);
  const names = moved.map(({ namespace, virtualService }) => `VirtualService ${namespace}/${virtualService}`);
  const asking: Asking = { kube, signal, inFull: new Set(names) };
  const basics = basicsOf(asking, question, installation);
  const root = async () => {
    const read = await basics.meshConfig();
    return read.kind === 'read' ? read.value.rootNamespace : installation.rootNamespace;
  };
  const { services } = basics;
  const routes = moved.map(({ namespace }) => namespace);
  const withCallees = async () => distinct([...services, ...question.callees, await root()]);
  const known = async () => distinct([...routes, ...(await withCallees())]);
  const gateways = once(() => listEverywhere(asking, kinds.gateways, known));
  return {
    asking,
    question,
    ...basics,
    withRoot: async () => distinct([...services, await root()]),
    known,
    gateways,
    deploymentsBehindGateways: once(async () => deploymentsBehind(asking, await gateways())),
    authorizationPolicies: once(async () =>
      listAmong(asking, kinds.authorizationPolicies, await withCallees()),
    ),
  };
}

/** What says where the rest is to be read. */
function basicsOf(
  asking: Asking,
  { target }: ClusterQuestion,
  installation: Installation,
): Pick<Reading, 'services' | 'namespace' | 'istiods' | 'meshConfig'> {
  const namespace = onceEach((name) => readNamespace(asking, name));
  const labels = { namespace: installation.rootNamespace, labels: 'app=istiod' };
  const istiods = once(() => listLabelled(asking, kinds.deployments, labels));
  const own = target.stable.service.namespace;
  const meshConfig = once(async () => {
    const revision = await revisionFor(own, await namespace(own), istiods);
    return readMeshConfig(asking, installation, revision);
  });
  const services = distinct([own, target.canary.service.namespace]);
  return { services, namespace, istiods, meshConfig };
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function once<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | null = null;
  return () => {
    asked ??= ask();
    return asked;
  };
}

function onceEach<Value>(ask: (name: string) => Promise<Value>): (name: string) => Promise<Value> {
  const asked = new Map<string, Promise<Value>>();
  return (name) => {
    const asking = asked.get(name) ?? ask(name);
    asked.set(name, asking);
    return asking;
  };
}
