import type { MeshName, Survey, SurveyedRoute } from '../rollout/ports/mesh.ts';
import { type Cluster, findTarget, objectNameOf } from './find-target.ts';
import type { Kube } from './kube.ts';
import { type ListedRoute, listRoutes } from './routes.ts';
import { misshapen } from './virtual-service.ts';

type Start = SurveyedRoute['start'];

/**
 * All http routes of a VirtualService as they stand now, each with whether a rollout could start there. The object and
 * what stands behind its destinations are read once each, however many routes share them.
 */
export async function survey(cluster: Cluster, name: MeshName, signal: AbortSignal): Promise<Survey> {
  const once = { ...cluster, kube: readingOnce(cluster.kube) };
  const read = await once.kube.readVirtualService(objectNameOf(name), signal);
  if (read.kind !== 'found') return read;
  const listed = listRoutes(read.value, cluster.clusterDomain);
  if (listed.kind === 'shape') return listed;
  const routes: SurveyedRoute[] = [];
  for (const route of listed.routes.filter(({ key }) => key.kind === 'http')) {
    const start = await startOf(once, name, route, signal);
    if (start.kind === 'missing' || start.kind === 'unavailable') return start;
    const { fault: _fault, key: _key, ...shown } = route;
    routes.push({ ...shown, start });
  }
  if (routes.length === 0) return noHttp;
  return { kind: 'survey', uid: read.value.metadata.uid, routes };
}

const noHttp = misshapen(
  'unsupported-shape',
  ['spec', 'http'],
  'the VirtualService has no http route: name a tls or tcp route in a target of your own',
);

async function startOf(
  cluster: Cluster,
  { cluster: clusterName, namespace, virtualService }: MeshName,
  route: ListedRoute,
  signal: AbortSignal,
): Promise<Start | Exclude<Survey, { kind: 'survey' | 'shape' }>> {
  if (route.fault !== null) return route.fault;
  const named = route.name === '' ? {} : { route: route.name };
  const request = { cluster: clusterName, namespace, virtualService, ...named };
  const found = await findTarget(cluster, request, signal);
  if (found.kind !== 'target') return found;
  return { kind: 'ready', stable: found.target.stable, canary: found.target.canary };
}

/** A view of the cluster for one survey: what was asked before is not asked again. */
function readingOnce(kube: Kube): Kube {
  return {
    ...kube,
    readVirtualService: once((name, signal) => kube.readVirtualService(name, signal)),
    readService: once((name, signal) => kube.readService(name, signal)),
    listServiceEntries: once((namespace, signal) => kube.listServiceEntries(namespace, signal)),
    listDestinationRules: once((namespace, signal) => kube.listDestinationRules(namespace, signal)),
  };
}

function once<Name, Found>(
  read: (name: Name, signal: AbortSignal) => Promise<Found>,
): (name: Name, signal: AbortSignal) => Promise<Found> {
  const answers = new Map<string, Promise<Found>>();
  return (name, signal) => {
    const key = JSON.stringify(name);
    const answer = answers.get(key) ?? read(name, signal);
    answers.set(key, answer);
    return answer;
  };
}
