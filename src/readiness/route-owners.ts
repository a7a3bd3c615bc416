import { z } from 'zod';
import type { Metadata } from './objects.ts';
import type { Millis } from './snapshot.ts';

const Fields = z.record(z.string(), z.unknown());

/** A field manager that owns a list of routes; `at` is null when the API server kept no time. */
export type RouteOwner = { manager: string; at: Millis | null };

/**
 * Who owns the routes of a VirtualService, the last to write first. Each list of routes is one field, so that this says
 * who wrote last and not what.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function routeOwners({ managedFields }: Metadata): RouteOwner[] {
  const owners = (managedFields ?? []).flatMap(({ manager, time, fieldsV1 }) => {
    const spec = Fields.safeParse(Fields.safeParse(fieldsV1).data?.['f:spec']).data ?? {};
    const owns = ['f:http', 'f:tls', 'f:tcp'].some((list) => list in spec);
    const at = Date.parse(time ?? '');
    return owns && manager ? [{ manager, at: Number.isNaN(at) ? null : at }] : [];
  });
  return owners.toSorted((one, other) => (other.at ?? 0) - (one.at ?? 0));
}

/** What canaryd calls itself to the API server. */
export const ownManager = 'canaryd';
