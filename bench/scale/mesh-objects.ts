import { createHash } from 'node:crypto';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { type Pod, podObject, replicaSetObject, serviceObject } from '../../src/sandbox/pod-objects.ts';
import type { Place } from './fleet.ts';

/** An object and the plural under which the API serves it. */
export type Served = { plural: string; object: JsonObject };

const port = 8080;
const podsOfVersion = 2;

/** Everything that stands around one service: its route at rest on v1, two versions, two ready pods each. */
export function objectsOf(place: Place): Served[] {
  const versions = ['v1', 'v2'].map((version) => podsOf(place, version));
  return [
    served('services', place, place.name, serviceObject({ name: place.name, port })),
    served('virtualservices', place, place.name, virtualService(place)),
    served('destinationrules', place, place.name, destinationRule(place)),
    ...versions.flat().map((pod) => served('pods', place, pod.name, podObject(pod, new Date(0)))),
    ...versions.flatMap((pods) =>
      pods.slice(0, 1).map((pod) => {
        const name = `${pod.workload}-${pod.hash}`;
        return served('replicasets', place, name, replicaSetObject(pods, pod));
      }),
    ),
  ];
}

function served(plural: string, { namespace }: Place, name: string, object: JsonObject): Served {
  const uid = idOf(`${plural}/${namespace}/${name}`);
  const metadata = { ...Object(object['metadata']), name, namespace, uid, resourceVersion: '1' };
  return { plural, object: { ...object, metadata } };
}

function podsOf({ namespace, name }: Place, version: string): Pod[] {
  const hash = idOf(`${name}/${version}`).slice(0, 8);
  return Array.from({ length: podsOfVersion }, (_, index) => ({
    name: `${name}-${version}-${hash}-${index}`,
    namespace,
    workload: `${name}-${version}`,
    app: name,
    version,
    hash,
    image: `example.test/shop/${name}:${version}`,
    ip: '10.0.0.1',
    ready: true,
    restarts: 0,
  }));
}

function virtualService({ namespace, name }: Place): JsonObject {
  const host = `${name}.${namespace}.svc.cluster.local`;
  const destination = (subset: string, weight: number) => ({ destination: { host, subset }, weight });
  const http = [{ name: 'primary', route: [destination('v1', 100), destination('v2', 0)], timeout: '5s' }];
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', spec: { hosts: [host], http } };
}

function destinationRule({ namespace, name }: Place): JsonObject {
  const subsets = ['v1', 'v2'].map((version) => ({ name: version, labels: { version } }));
  const spec = { host: `${name}.${namespace}.svc.cluster.local`, subsets };
  return { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', spec };
}

function idOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
