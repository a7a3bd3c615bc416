import { z } from 'zod';
import { MovedRoute } from '../rollout/target.ts';
import { annotations } from './annotations.ts';
import type { Arms, Moved } from './split.ts';
import type { VirtualService } from './virtual-service.ts';

const Weight = z.int().min(0);
const Place = z.looseObject({ host: z.string().min(1), subset: z.string().min(1).nullable() });

/** Stable holds something before a split is moved, and the canary nothing. */
const ofStable = Weight.min(1);
const ofCanary = z.literal(0).nullable();

/** The form for one http route without other destinations; the first versions know no other. */
const OneRoute = z.looseObject({
  route: z.string(),
  stable: Place.extend({ weight: ofStable }),
  canary: Place.extend({ weight: ofCanary }),
});

/** The form for everything else. */
const SeveralRoutes = z.looseObject({
  stable: Place,
  canary: Place,
  routes: z
    .array(
      MovedRoute.extend({
        original: MovedRoute.shape.original.extend({ stable: ofStable, canary: ofCanary }),
      }),
    )
    .min(1),
});

/** What one object looked like before the rollout that moves it now, with the DNS domain in which its hosts are complete. */
export type Original = { kind: 'original'; moved: Moved; clusterDomain: string };

/** What canaryd notes of an object before it moves it, for whoever has nothing but the object. */
export function noteOf({ stable, canary, routes }: Moved): string {
  const placeOf = ({ host, subset }: Arms['stable']) => ({ host, subset });
  const [only, second] = routes;
  if (only === undefined || second !== undefined || !fitsOneRoute(only)) {
    return JSON.stringify({ stable: placeOf(stable), canary: placeOf(canary), routes });
  }
  const { key, original } = only;
  return JSON.stringify({
    route: key.name,
    stable: { ...placeOf(stable), weight: original.stable },
    canary: { ...placeOf(canary), weight: original.canary },
  });
}

type OneHttpRoute = MovedRoute & { key: { kind: 'http' } };

function fitsOneRoute(route: MovedRoute): route is OneHttpRoute {
  return route.key.kind === 'http' && route.original.others.length === 0;
}

/** Reads the annotation with the original weights; `none` when no rollout moves the object. */
export function originalIn(
  virtualService: VirtualService,
): Original | { kind: 'none' } | { kind: 'unreadable'; why: string } {
  const text = virtualService.metadata.annotations?.[annotations.originalWeights];
  if (text === undefined) return { kind: 'none' };
  const noted = jsonIn(text);
  const isSeveral = z.looseObject({ routes: z.unknown() }).safeParse(noted).data?.routes !== undefined;
  const read = isSeveral ? severalIn(noted) : oneIn(noted);
  if (read instanceof z.ZodError) return { kind: 'unreadable', why: describe(read) };
  return { kind: 'original', moved: read, clusterDomain: domainOf(read) };
}

function severalIn(noted: unknown): Moved | z.ZodError {
  const read = SeveralRoutes.safeParse(noted);
  return read.success ? read.data : read.error;
}

function oneIn(noted: unknown): Moved | z.ZodError {
  const read = OneRoute.safeParse(noted);
  if (!read.success) return read.error;
  const { route, stable, canary } = read.data;
  const original = { stable: stable.weight, canary: canary.weight, others: [] };
  return { stable, canary, routes: [{ key: { kind: 'http', name: route }, original }] };
}

/** The annotation has complete names, so the cluster's domain need not be asked of anybody. */
function domainOf({ stable, canary }: Arms): string {
  const domains = [stable, canary].map(({ host }) => /^[^.]+\.[^.]+\.svc\.(.+)$/.exec(host)?.[1]);
  return domains.find((domain) => domain !== undefined) ?? 'cluster.local';
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Told apart by the schema: no JSON document of ours is undefined.
    return undefined;
  }
}

function describe({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined || issue.path.length === 0) return 'it is no JSON object';
  return `its ${issue.path.join('.')} is not understood`;
}
