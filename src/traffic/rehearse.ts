import type { Rehearsal, SplitView, WeightWrite, WriteOutcome } from '../rollout/ports/mesh.ts';
import { objectName, oneByOne } from '../rollout/several.ts';
import type { Target } from '../rollout/target.ts';
import type { Kube } from './kube.ts';
import type { Watching } from './look.ts';
import { writeShare } from './write.ts';

/**
 * Sends the patches of a write for a dry run, by the code of the write itself. Each VirtualService of a target is tried
 * for itself: one that is refused says more than one that could not be tried.
 */
export async function rehearse(
  { kube, ...cluster }: Watching,
  target: Target,
  view: SplitView,
  asked: { write: WeightWrite; signal: AbortSignal },
): Promise<Rehearsal> {
  const dry: Watching = { ...cluster, kube: rehearsing(kube), watched: undefined };
  const objects = oneByOne(target);
  const tries = objects.map(async (one): Promise<Rehearsal> => {
    const name = objectName(one);
    const seen = view.objects === undefined ? view : view.objects.find((part) => part.name === name);
    if (seen === undefined) return { kind: 'unknown', why: `${name} was not read` };
    const answer = rehearsalOf(await writeShare(dry, one, seen, asked));
    if (objects.length === 1 || answer.kind === 'accepted') return answer;
    const named = { ...answer, why: `${name}: ${answer.why}` };
    return named.kind === 'refused' ? { ...named, object: name } : named;
  });
  const answers = await Promise.all(tries);
  const worst = (kind: Rehearsal['kind']) => answers.find((answer) => answer.kind === kind);
  return worst('refused') ?? worst('unknown') ?? { kind: 'accepted' };
}

/** The same cluster, except that no patch changes anything there. */
function rehearsing(kube: Kube): Kube {
  const patchVirtualService: Kube['patchVirtualService'] = (name, patch, signal) =>
    kube.patchVirtualService(name, patch, signal, { dryRun: true });
  return { ...kube, patchVirtualService, urgent: { ...kube.urgent, patchVirtualService } };
}

/** What the answer to a dry run says about the write itself. */
function rehearsalOf(outcome: WriteOutcome): Rehearsal {
  switch (outcome.kind) {
    case 'applied':
      return { kind: 'accepted' };
    case 'conflict':
      return { kind: 'unknown', why: 'somebody wrote the VirtualService meanwhile' };
    case 'missing':
      return { kind: 'unknown', why: 'the VirtualService is gone' };
    case 'ambiguous':
      return { kind: 'unknown', why: outcome.why };
    case 'unavailable':
      return unavailableTo(outcome);
  }
}

/**
 * A webhook that has side effects is not called for a dry run: the API server says so with the code and the reason of
 * any other bad request, and only its words tell.
 */
function unavailableTo({ reason, why }: Extract<WriteOutcome, { kind: 'unavailable' }>): Rehearsal {
  if (reason === 'denied' || reason === 'forbidden') return { kind: 'refused', reason, why };
  const isRefused = reason === 'invalid' && !/does not support dry run/i.test(why);
  return isRefused ? { kind: 'refused', reason, why } : { kind: 'unknown', why };
}
