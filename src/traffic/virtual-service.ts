import { z } from 'zod';
import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { Share } from '../rollout/units.ts';

/** The parts of a VirtualService that canaryd reads; everything else passes through unread and unchanged. */
export const VirtualService = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    resourceVersion: z.string().min(1),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({
    http: z.unknown().optional(),
    tls: z.unknown().optional(),
    tcp: z.unknown().optional(),
  }),
});
export type VirtualService = z.infer<typeof VirtualService>;

/** Where something stands in an object: keys and indexes from its root. */
export type Path = readonly (string | number)[];

/** One destination of a route. `weight` is the raw number, null when the field is absent. */
export type Destination = {
  /** Where it stands in the object. */
  at: Path;
  /** The qualified host. */
  host: string;
  subset: string | null;
  weight: number | null;
  /** In percent of the whole route. */
  share: Share;
};

/** A subset of a host; all of the host when the subset is null. */
export type Place = Pick<Destination, 'host' | 'subset'>;

/** The object has a shape that is not understood: nothing may be written. */
export type Misshapen = { kind: 'shape'; fault: ShapeFault };

/** A refusal with the path that is not understood and a sentence that says what to change. */
export function misshapen(code: ShapeFault['code'], at: Path, message: string): Misshapen {
  return { kind: 'shape', fault: { code, path: shownPath(at), message } };
}

/** The same refusal with the object, `namespace/name`: a path alone does not say in which of several it is. */
export function inObject({ fault }: Misshapen, object: string): Misshapen {
  const message = `VirtualService ${object}: ${fault.message}`;
  return { kind: 'shape', fault: { ...fault, object, message } };
}

/** True for a refusal, false for what was looked for. */
export function isMisshapen(found: object): found is Misshapen {
  return 'kind' in found && found.kind === 'shape';
}

/** The refusal of what a schema does not accept; the paths of its issues begin at `at`. */
export function misread(error: z.ZodError, at: Path): Misshapen {
  const [issue] = error.issues;
  const steps = (issue?.path ?? []).map((step) => (typeof step === 'number' ? step : String(step)));
  return misshapen('unsupported-shape', [...at, ...steps], issue?.message ?? 'not understood');
}

/** A path for people: `spec.http[0].route[1]`. */
export function shownPath(path: Path): string {
  return path.reduce<string>(
    (shown, step) => (typeof step === 'number' ? `${shown}[${step}]` : `${shown}${shown && '.'}${step}`),
    '',
  );
}

/** A path as a JSON Pointer (RFC 6901): `/spec/http/0/route/1`. */
export function pointerTo(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** True when both stand for the same subset of the same host. */
export function isSamePlace(one: Place, other: Place) {
  return one.host === other.host && one.subset === other.subset;
}

/** True when a request that is sent to the one may arrive at the other: a host without a subset is all of it. */
export function mayReach(one: Place, other: Place): boolean {
  const isWhole = one.subset === null || other.subset === null;
  return one.host === other.host && (isWhole || one.subset === other.subset);
}

/** How a destination is called in a sentence for a person: by its subset, and by its host where the route has several. */
export function nameOf({ host, subset }: Place, among: Place[]): string {
  if (subset === null) return host;
  return among.every((other) => other.host === host) ? subset : `${subset} of ${host}`;
}
