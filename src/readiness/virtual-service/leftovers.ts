import { z } from 'zod';
import { type Check, defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { completeHost } from '../hosts.ts';
import { bounded, error, info, orPass } from '../judgement.ts';
import type { Subject } from '../snapshot.ts';
import {
  armName,
  destinationOf,
  type Entry,
  editing,
  isManaged,
  judgeMoved,
  type Moved,
  refToMoved,
} from './moved.ts';

const Mirror = z.looseObject({ host: z.string() });
const MirrorPolicy = z.looseObject({ destination: Mirror });

/**
 * A fault is answered by the caller's proxy, and copies of requests are counted where they arrive.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection and #HTTPRoute (mirrors)
 */
export const noLeftovers: Check = defineCheck({
  id: 'PF-VS-08',
  title: 'No fault, mirror or drill of earlier work is left on the routes',
  family: 'virtual-service',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['movedVirtualServices', 'meshConfig'],
  judge: ({ movedVirtualServices, meshConfig: { clusterDomain } }, subject) =>
    judgeMoved(movedVirtualServices, subject, (moved) => {
      const objects = new Map(moved.map((one) => [one.object, one]));
      const failures = [
        ...moved.flatMap((one) => mirrorsIn(one, subject, clusterDomain)),
        ...[...objects.values()].flatMap((one) => [...faultsIn(one, subject), ...drillMarks(one)]),
      ];
      const names = moved.map(({ called }) => called).join(', ');
      return orPass(bounded(failures), `${names}: no fault, no mirror, no mark of a drill`);
    }),
});

/** In every route of the object that sends to one of the two. */
function faultsIn(moved: Moved, subject: Subject): Failure[] {
  const { object } = moved;
  return (object.spec.http ?? []).flatMap((entry, index) => {
    if (!isSet(entry.fault) || !leadsToArm(moved, entry, subject)) return [];
    const path = `spec.http[${index}].fault`;
    const name = entry.name ? ` ("${entry.name}")` : '';
    return [
      error({
        read: `${object.metadata.namespace}/${object.metadata.name} has a fault in spec.http[${index}]${name}: ${JSON.stringify(entry.fault).slice(0, 200)}`,
        means: `callers get errors or delays that no pod made, on ${armName(subject.stable)} and ${armName(subject.canary)} alike: a rollback would not end them, and where they answer in place of the pods the destination's metrics do not show them`,
        mend: `take ${path} away: ${editing(moved, 'patch')} --type=json -p '[{"op":"remove","path":"/spec/http/${index}/fault"}]'`,
        object: refToMoved(moved),
        path,
      }),
    ];
  });
}

function leadsToArm({ object }: Moved, entry: Entry, { stable, canary }: Subject): boolean {
  return [stable, canary].some((arm) => destinationOf({ entry, object }, arm) !== null);
}

/** Copies to another host are planned shadowing and are noted; copies to one of the two would be counted as its requests. */
function mirrorsIn(moved: Moved, subject: Subject, clusterDomain: string): Failure[] {
  const { entry, object, path } = moved;
  if (isManaged(entry.name)) return [];
  const sole = isSet(entry.mirror) ? [{ at: `${path}.mirror`, to: Mirror.safeParse(entry.mirror).data }] : [];
  const listed = (entry.mirrors ?? []).map((one, index) => ({
    at: `${path}.mirrors[${index}]`,
    to: MirrorPolicy.safeParse(one).data?.destination,
  }));
  return [...sole, ...listed].map(({ at, to }) => {
    const host = to && completeHost(to.host, object.metadata.namespace ?? '', clusterDomain);
    const isOurs = host === undefined || host === subject.stable.host || host === subject.canary.host;
    const failure = {
      read: `${moved.called} copies its requests to ${host ?? 'a host that is not understood'}`,
      object: refToMoved(moved),
      path: at,
    };
    const means = `copies arrive at ${host ?? 'an unknown place'} and are counted as requests of ${armName(subject.stable)} or ${armName(subject.canary)}, which no user made: shares, errors and latency are not those of users`;
    if (isOurs) return error({ ...failure, means, mend: `take it away: ${editing(moved)}` });
    return info({
      ...failure,
      means:
        'shadowing of another host changes nothing about the two; at its end somebody has to take it away',
      mend: `nothing, while it is planned; otherwise ${editing(moved)}`,
    });
  });
}

/** A drill names its annotations so, such as `canaryd.io/drill-expires-at`. */
function drillMarks(moved: Moved): Failure[] {
  const marks = Object.entries(moved.object.metadata.annotations ?? {}).filter(([key]) =>
    /(^|\/)drill(-|$)/.test(key),
  );
  return marks.map(([key, value]) =>
    error({
      read: `${moved.object.metadata.namespace}/${moved.object.metadata.name} bears ${key}: ${value}`,
      means:
        'a drill runs or was broken off: its faults could be taken for those of the canary, and roll back a good one',
      mend: `end the drill; if it has ended: ${editing(moved, 'annotate')} ${key}-`,
      object: refToMoved(moved),
      path: `metadata.annotations["${key}"]`,
    }),
  );
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
