import { z } from 'zod';
import type { TargetRefusal } from '../rollout/draft.ts';
import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { TargetQuestion } from '../rollout/roles-now.ts';
import { KubernetesName, ObjectName } from '../rollout/units.ts';
import { ProblemError } from './problem.ts';
import type { Slug } from './problems.ts';
import { targetProblem } from './refusals.ts';
import { noCluster, noTarget } from './targets.ts';
import { untouched } from './wire-parts.ts';

export const TargetPath = z.strictObject({
  cluster: z.string().describe('The name of the cluster.'),
  namespace: z.string(),
  virtualService: z.string(),
});
type TargetPath = z.output<typeof TargetPath>;

export const RolesQuery = z.strictObject({
  route: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The name of the http route; may be left out when there is just one.'),
  canary: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The subset or the host of the canary; may be left out when just one has no traffic.'),
});

/** What a question about a target's surroundings may be answered with beside the answer. */
export const questionProblems = [
  'not-found',
  'not-acceptable',
  'rollout-unreadable',
  'route-not-found',
  'route-ambiguous',
  'destination-not-in-route',
  'split-not-at-rest',
  'canary-ambiguous',
  'unsupported-shape',
  'subset-not-found',
  'service-not-found',
  'kubernetes-unavailable',
] as const satisfies Slug[];

/** Throws a problem for a name that no VirtualService can have. */
export function questionIn(place: TargetPath, query: z.output<typeof RolesQuery>): TargetQuestion {
  const { namespace, virtualService } = place;
  const names = [KubernetesName.safeParse(namespace), ObjectName.safeParse(virtualService)];
  if (names.some(({ success }) => !success)) throw noTarget(namespace, virtualService);
  return { ...place, route: query.route ?? null, canary: query.canary ?? null };
}

/** Why nobody can say which destination of a target is the canary, as a problem. */
export function questionProblem(refusal: TargetRefusal, place: TargetPath): ProblemError {
  switch (refusal.kind) {
    case 'clusterUnknown':
      return noCluster(place.cluster, refusal.clusters);
    case 'targetMissing':
      return noTarget(place.namespace, place.virtualService);
    case 'targetShape':
      return withoutRoles(refusal.fault);
    case 'meshUnavailable':
      return targetProblem(refusal, place);
  }
}

function withoutRoles({ code, path, message }: ShapeFault): ProblemError {
  const detail = `At ${path} of the VirtualService: ${message}`;
  const pointer = parameters[code];
  const mend =
    pointer === undefined
      ? 'Mend the VirtualService and ask again. While a rollout is live there, its roles hold and nothing has to be at rest.'
      : `Name another one by the query parameter \`${pointer}\`, or mend the VirtualService, and ask again.`;
  const errors = pointer === undefined ? [] : [{ pointer, code, detail: message }];
  const explanation = untouched(detail, mend);
  return new ProblemError(code, detail, { ...(errors.length === 0 ? {} : { errors }), explanation });
}

const parameters: Partial<Record<ShapeFault['code'], 'route' | 'canary'>> = {
  'route-not-found': 'route',
  'route-ambiguous': 'route',
  'destination-not-in-route': 'canary',
  'canary-ambiguous': 'canary',
};
