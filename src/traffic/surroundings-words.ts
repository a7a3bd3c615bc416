import type { MeshFailure } from '../rollout/ports/mesh.ts';

/** Why something was not read and what makes it readable, for people. */
export type Unread = { kind: 'unread'; why: string; mend: string };

type Api = { group: string; plural: string };
type Named = Api & { kind: string; namespace: string | null; name: string };

/** @param namespace null for the list of all namespaces */
export function notListed(
  { words, ...api }: Api & { words: string },
  namespace: string | null,
  failure: MeshFailure,
): Unread {
  const [within, of] =
    namespace === null ? ['of all namespaces', ''] : [`in ${namespace}`, ` of ${namespace}`];
  if (failure.reason !== 'forbidden')
    return unread(`${words}${of} could not be listed: ${failure.why}`, mends[failure.reason]);
  return unread(`canaryd may not list ${words} ${within}`, grant({ ...api, namespace, verb: 'list' }));
}

/** Why one object was not read. A Role of its own namespace is what lets canaryd read a Namespace, too. */
export function notRead({ kind, name, namespace, ...api }: Named, failure: MeshFailure): Unread {
  const shown = `the ${kind} ${namespace === null ? name : `${namespace}/${name}`}`;
  if (failure.reason !== 'forbidden')
    return unread(`${shown} could not be read: ${failure.why}`, mends[failure.reason]);
  const rule = grant({ ...api, namespace: namespace ?? name, verb: 'get', name });
  return unread(`canaryd may not read ${shown}`, rule);
}

export function unread(why: string, mend: string): Unread {
  return { kind: 'unread', why, mend };
}

type Grant = Api & { namespace: string | null; verb: string; name?: string };

function grant({ group, plural, namespace, verb, name }: Grant): string {
  const role =
    namespace === null ? 'the ClusterRole of canaryd' : `the Role of canaryd in the namespace ${namespace}`;
  const named = name === undefined ? '' : `, resourceNames: [${name}]`;
  return `add to ${role}: - {apiGroups: ["${group}"], resources: [${plural}]${named}, verbs: [${verb}]}`;
}

const later = 'ask again when the API server answers; if it does not, look at it';
const look = "look at what the API server, or what stands before it, answers to canaryd's requests";

/** What helps when the API server gave no usable answer; a right that is missing is named where it is missed. */
export const mends: Record<MeshFailure['reason'], string> = {
  forbidden: 'let canaryd read it',
  unauthorized: "renew canaryd's credentials for this cluster",
  throttled: 'ask again when the API server has less to do',
  timeout: later,
  unreachable: later,
  serverError: later,
  denied: look,
  invalid: look,
  unreadable: look,
};
