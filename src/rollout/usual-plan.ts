import { Plan } from './plan.ts';
import { objectsOf, type Target } from './target.ts';

/**
 * The plan that a target is judged by when nobody has named one: the usual steps, the checks that a plan has when it
 * writes none, that namespaces deny what no policy allows and that mTLS is STRICT, which a bank asks of every target. A target without an
 * http route has no requests to check.
 */
export function usualPlanFor(target: Target): Plan {
  const kinds = objectsOf(target).flatMap(({ routes }) => routes.map(({ key }) => key.kind));
  const isWatched = kinds.includes('http');
  return Plan.parse({
    name: 'usual',
    readiness: { defaultDeny: true, mutualTls: 'STRICT' },
    ...(isWatched ? {} : { checks: {} }),
    steps: [...[5, 25, 50].flatMap((weight) => raiseTo(weight, isWatched)), { type: 'promote' }],
  });
}

function raiseTo(weight: number, isWatched: boolean) {
  const wait = isWatched ? { type: 'bake', duration: '5m' } : { type: 'pause', duration: '5m' };
  return [{ type: 'setWeight', weight }, wait];
}
