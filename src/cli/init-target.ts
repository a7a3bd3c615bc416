import { z } from 'zod';
import { printable } from './client.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { RolloutFacts } from './rollout-file.ts';
import { complain, type Terminal } from './terminal.ts';

/** What was typed. */
export type Wanted = {
  cluster: string;
  namespace: string;
  virtualService: string;
  route: string | null;
  canary: string | null;
};

const Destination = z.looseObject({ host: z.string(), subset: z.string().nullable(), share: z.number() });
const Arm = z.looseObject({ host: z.string(), subset: z.string().nullable() });
const Fault = z.looseObject({ code: z.string(), path: z.string(), message: z.string() }).nullable();

/** What the command needs of `GET /v1/targets/{cluster}/{namespace}/{virtualService}`. */
export const Target = z.looseObject({
  fault: Fault,
  liveRollout: z.string().nullable(),
  routes: z.array(
    z.looseObject({
      name: z.string().nullable(),
      destinations: z.array(Destination),
      fault: Fault,
      stable: Arm.nullable(),
      canary: Arm.nullable(),
    }),
  ),
});
export type Target = z.output<typeof Target>;
type Route = Target['routes'][number];
type Place = Pick<z.output<typeof Destination>, 'host' | 'subset'>;

/** The route that is meant; says which there are and answers null when none is. */
export function routeIn({ routes, fault }: Target, { route }: Wanted, terminal: Terminal): Route | null {
  const [first, second] = routes;
  if (first === undefined) {
    complain(
      terminal,
      printable(fault === null ? 'it has no http route.' : `${fault.path}: ${fault.message}`),
    );
    return null;
  }
  const meant = routes.find(({ name }) => route !== null && name === route);
  if (meant !== undefined) return meant;
  if (route === null && second === undefined) return first;
  const names = routes.flatMap(({ name }) => (name === null ? [] : [JSON.stringify(printable(name))]));
  const what =
    route === null ? 'it has several http routes.' : `it has no route ${JSON.stringify(printable(route))}.`;
  const next =
    names.length === 0
      ? 'give the routes names in the VirtualService'
      : `--route with one of: ${names.join(', ')}`;
  complain(terminal, what, next);
  return null;
}

type Arms = Pick<RolloutFacts, 'stable' | 'canary' | 'selection'>;
export type Readiness =
  | { kind: 'fit'; arms: Arms }
  | { kind: 'unfit'; why: string; next: string; exit: ExitCode };

/** Whether a rollout could start on a route, and between which destinations; or what to mend first. */
export function readinessOf({ liveRollout }: Target, route: Route, { canary: asked }: Wanted): Readiness {
  const { fault } = route;
  if (liveRollout !== null && fault !== null) {
    const why = `rollout ${liveRollout} is live there, and its weights are in mid-air.`;
    return { kind: 'unfit', why, next: 'run this again when it has ended', exit: exitCodes.conflict };
  }
  const idle = route.destinations.filter(({ share }) => share === 0);
  if (asked === null) return fault === null ? armsOf(route, route.canary, idle) : unfit(fault, idle);
  const selected = idle.find((one) => one.subset === asked || one.host === asked);
  if (selected === undefined) {
    const next = `--canary with one of: ${idle.map(nameOf).join(', ') || 'none, all have traffic'}`;
    return {
      kind: 'unfit',
      why: `no destination without traffic is called ${asked}.`,
      next,
      exit: exitCodes.usage,
    };
  }
  const isMended = fault === null || fault.code === 'canary-ambiguous';
  return isMended ? armsOf(route, selected, idle) : unfit(fault, idle);
}

function armsOf({ stable, destinations }: Route, canary: Place | null, idle: Place[]): Readiness {
  const all = stable ?? destinations.find(({ share }) => share > 0);
  if (all === undefined || canary === null) return unfit(null, idle);
  const selection = idle.length > 1 ? selectionOf(canary) : null;
  return { kind: 'fit', arms: { stable: nameOf(all), canary: nameOf(canary), selection } };
}

function unfit(fault: z.output<typeof Fault>, idle: Place[]): Readiness {
  if (fault === null) {
    const why = 'the answer of canaryd names no two destinations.';
    return { kind: 'unfit', why, next: 'update canaryd or this command', exit: exitCodes.unexpected };
  }
  const next =
    fault.code === 'canary-ambiguous'
      ? `--canary with one of: ${idle.map(nameOf).join(', ')}`
      : 'mend it in the VirtualService or beside it, and run this again';
  const why = `no rollout can start there (${fault.code}): ${fault.path}: ${fault.message}.`;
  return { kind: 'unfit', why, next, exit: exitCodes.invalid };
}

function selectionOf({ host, subset }: Place): { subset: string } | { host: string } {
  return subset === null ? { host } : { subset };
}

function nameOf({ host, subset }: Place): string {
  return subset ?? host;
}
