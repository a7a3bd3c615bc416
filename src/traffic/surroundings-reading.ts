import type {
  AuthorizationPolicy,
  Deployment,
  Gateway,
  Namespace,
  Pod,
  VirtualService,
} from '../readiness/objects.ts';
import type { Fact, MeshConfig } from '../readiness/snapshot.ts';
import type { ClusterQuestion } from '../rollout/ports/readiness.ts';
import { objectsOf } from '../rollout/target.ts';
import { type BehindGateways, deploymentsBehind } from './gateway-facts.ts';
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
  istiodNamespace: string;
  /** Those of the services, and the root namespace of the mesh. */
  withRoot: () => Promise<string[]>;
  /** All that canaryd knows of. */
  known: () => Promise<string[]>;
  namespace: (name: string) => Promise<Fact<Namespace[]>>;
  istiods: () => Promise<Fact<Deployment[]>>;
  meshConfig: () => Promise<Fact<MeshConfig>>;
  pods: () => Promise<Fact<Pod[]>>;
  gateways: () => Promise<Fact<Gateway[]>>;
  virtualServices: () => Promise<Fact<VirtualService[]>>;
  deploymentsBehindGateways: () => Promise<BehindGateways>;
  authorizationPolicies: () => Promise<Fact<AuthorizationPolicy[]>>;
};

/** Begins an inspection; nothing is asked yet. */
export function beginReading(
  { kube, ...installation }: SurroundingsSource,
  question: ClusterQuestion,
  signal: AbortSignal,
): Reading {
  const { target } = question;
  const asking: Asking = { kube, signal };
  const basics = basicsOf(asking, question, installation);
  const root = async () => {
    const read = await basics.meshConfig();
    return read.kind === 'read' ? read.value.rootNamespace : installation.rootNamespace;
  };
  const { services } = basics;
  const objects = objectsOf(target);
  const routes = objects.map(({ namespace }) => namespace);
  const withCallees = async () => distinct([...services, ...question.callees, await root()]);
  const known = async () => distinct([...routes, ...(await withCallees())]);
  const gateways = once(() => listEverywhere(asking, kinds.gateways, known));
  const virtualServices = once(() => listEverywhere(asking, kinds.virtualServices, known));
  return {
    asking,
    question,
    ...basics,
    istiodNamespace: installation.rootNamespace,
    withRoot: async () => distinct([...services, await root()]),
    known,
    gateways,
    virtualServices,
    deploymentsBehindGateways: once(async () => {
      // Whoever judges Gateways asks for these, too; nobody else pays for them.
      const named = question.wanted.has('virtualServices') ? await virtualServices() : null;
      const moved = objects.map(({ namespace, virtualService }) => `${namespace}/${virtualService}`);
      const naming = { virtualServices: named, moved };
      return deploymentsBehind(asking, await gateways(), naming);
    }),
    authorizationPolicies: once(async () =>
      listAmong(asking, kinds.authorizationPolicies, await withCallees()),
    ),
  };
}

/** What says where the rest is to be read. */
function basicsOf(
  asking: Asking,
  { target, wanted }: ClusterQuestion,
  installation: Installation,
): Pick<Reading, 'services' | 'namespace' | 'istiods' | 'pods' | 'meshConfig'> {
  const { stable, canary } = target;
  const { rootNamespace: installed } = installation;
  const services = distinct([stable.service.namespace, canary.service.namespace]);
  const namespace = onceEach((name) => readNamespace(asking, name));
  const labels = { namespace: installed, labels: 'app=istiod' };
  const istiods = once(() => listLabelled(asking, kinds.deployments, labels));
  const pods = once(() => listAmong(asking, kinds.pods, services));
  const meshConfig = once(async () => {
    const revision = await revisionFor([stable, canary], {
      installed,
      // Who does not ask for pods does not pay for them.
      pods: wanted.has('pods') ? await pods() : null,
      namespace: () => namespace(stable.service.namespace),
      istiods,
    });
    return readMeshConfig(asking, installation, revision);
  });
  return { services, namespace, istiods, pods, meshConfig };
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
