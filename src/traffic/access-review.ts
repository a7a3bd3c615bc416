import { z } from 'zod';
import type { Request } from './kube-connection.ts';

/** Something that canaryd has to be allowed; `name` is the object's, empty for any. */
export type Right = {
  verb: 'get' | 'list' | 'watch' | 'patch';
  group: '' | 'apps' | 'networking.istio.io';
  resource: 'virtualservices' | 'destinationrules' | 'serviceentries' | 'services' | 'pods' | 'replicasets';
  /** Empty asks for all namespaces at once. */
  namespace: string;
  name: string;
};

/** What an API server answers to a review. */
export const Review = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) });

/** Asks whether canaryd has a right. A question, too: it stores nothing. */
export function reviewOf({ verb, group, resource, namespace, name }: Right): Request {
  const resourceAttributes = { verb, group, resource, namespace, name };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  };
  return ({ authorization }, options) => authorization.createSelfSubjectAccessReview({ body }, options);
}

/** What moving the weights of an object takes. */
export function rightsToMove(object: { namespace: string; name: string }): Right[] {
  const resource = { group: 'networking.istio.io', resource: 'virtualservices', ...object } as const;
  return [
    { verb: 'get', ...resource },
    { verb: 'patch', ...resource },
  ];
}

/** What finding the pods behind a service of this namespace takes. */
export function rightsToFind(namespace: string): Right[] {
  return [
    { verb: 'list', group: 'networking.istio.io', resource: 'destinationrules', namespace, name: '' },
    { verb: 'get', group: '', resource: 'services', namespace, name: '' },
    { verb: 'list', group: '', resource: 'pods', namespace, name: '' },
  ];
}
