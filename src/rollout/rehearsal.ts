import type { Rehearsal, WeightWrite } from './ports/mesh.ts';
import type { StartObstacle } from './readiness-words.ts';
import * as say from './say.ts';
import { objectName } from './several.ts';
import { objectsOf, type Target } from './target.ts';

/** A write as the API server would answer it: the first of the plan, and the one that goes back. */
export type Rehearsed = { write: 'first' | 'wayBack'; share: number; outcome: Rehearsal };

/** The writes that are rehearsed; each of them is made from weights at rest. */
export function writesToRehearse(
  first: Pick<WeightWrite, 'share' | 'end' | 'managed'> | undefined,
): (Pick<Rehearsed, 'write' | 'share'> & Pick<WeightWrite, 'end' | 'managed'>)[] {
  const back = { write: 'wayBack' as const, share: 0, end: true };
  return first === undefined ? [back] : [{ ...first, write: 'first' }, back];
}

/** Why a rollout that begins now could not move anything; null when nothing was refused. */
export function refusedIn(rehearsed: Rehearsed[], target: Target): StartObstacle | null {
  const refused = rehearsed.flatMap(({ write, share, outcome }) =>
    outcome.kind === 'refused' ? [{ ...outcome, what: inWords(write, share) }] : [],
  );
  const [first] = refused;
  if (first === undefined) return null;
  const alike = refused.filter(({ why }) => why === first.why).map(({ what }) => what);
  const why = `the API server would refuse ${alike.join(' and ')}: ${say.inner(first.why)}; ${mends[first.reason](placeOf(first, target))}`;
  return { why, patienceMs: 0 };
}

/** What was not tried, or got no answer, as parts of sentences. */
export function rehearsalWarnings(rehearsed: Rehearsed[]): string[] {
  const whys = rehearsed.flatMap(({ outcome }) =>
    outcome.kind === 'unknown' ? [say.inner(outcome.why)] : [],
  );
  return [...new Set(whys)].map((why) => `whether the API server accepts the writes is not known: ${why}`);
}

function inWords(write: Rehearsed['write'], share: number): string {
  return write === 'first' ? `the first write, ${say.share(share)} for the canary` : 'the way back to 0 %';
}

type Place = Pick<Target, 'namespace' | 'virtualService'>;

/** The VirtualService that was refused; the first one where nothing else is said. */
function placeOf({ object }: { object?: string }, target: Target): Place {
  return objectsOf(target).find((one) => objectName(one) === object) ?? target;
}

const mends = {
  denied: () => 'mend what the webhook names, or have the VirtualService exempted from it',
  forbidden: ({ namespace }: Place) =>
    `give canaryd's account the right to patch virtualservices in ${namespace}`,
  invalid: ({ namespace, virtualService }: Place) =>
    `mend what it names: kubectl -n ${namespace} edit virtualservice ${virtualService}`,
};
