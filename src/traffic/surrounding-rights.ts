import type { Fact, Right as ReadRight } from '../readiness/snapshot.ts';
import { isEntryHost, objectsOf, type Target } from '../rollout/target.ts';
import { type Right, rightsToFind, rightsToMove } from './access-review.ts';
import type { Asking } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { mends, unread } from './surroundings-words.ts';

/** What canaryd must be allowed for a rollout of this target, each asked of the API server. */
export async function readRights(asking: Asking, target: Target): Promise<Fact<ReadRight[]>> {
  return mergeFacts(await Promise.all(rightsFor(target).map((right) => readRight(asking, right))));
}

function rightsFor(target: Target): Right[] {
  const objects = objectsOf(target).map(({ namespace, virtualService: name }) => ({ namespace, name }));
  const arms = [target.stable, target.canary];
  const services = arms.filter((arm) => !isEntryHost(arm)).map(({ service }) => service.namespace);
  const entries = arms.filter(isEntryHost).map(({ service }) => service.namespace);
  return [
    ...objects.flatMap(rightsToMove),
    ...[...new Set(services)].flatMap(rightsToFind),
    ...[...new Set(entries)].map((namespace) => ({ ...listEntries, namespace })),
  ];
}

const listEntries = {
  verb: 'list',
  group: 'networking.istio.io',
  resource: 'serviceentries',
  name: '',
} as const;

async function readRight({ kube, signal }: Asking, right: Right): Promise<Fact<ReadRight[]>> {
  const read = await kube.mayDo(right, signal);
  if (read.kind === 'found') return readFact([{ ...right, allowed: read.value }]);
  const { verb, resource, namespace, name } = right;
  const what = `whether canaryd may ${verb} ${resource} ${name === '' ? 'in ' : ''}${namespace}${name === '' ? '' : `/${name}`}`;
  if (read.kind === 'missing')
    return unread(`${what} is not known: the API server serves no access reviews`, mends.invalid);
  const mend = read.reason === 'forbidden' ? mayAsk : mends[read.reason];
  return unread(`${what} is not known: ${read.why}`, mend);
}

const mayAsk =
  'bind canaryd to the ClusterRole system:basic-user, which lets everybody ask for their own rights';
