import { type Check, defineCheck } from '../check.ts';
import { bounded, error, orPass, skip } from '../judgement.ts';
import { ownManager, routeOwners } from '../route-owners.ts';
import type { Millis, Subject } from '../snapshot.ts';
import { armName, canaryShareOf, editing, judgeMoved, type Moved, refToMoved } from './moved.ts';
import { weightsIn } from './weights.ts';

/** Half of the smallest share that is written. */
const rounding = 0.005;

/** A write that is younger may not stand in what was read. */
const inFlightMs = 5000;

/**
 * Weights are parts of their sum, as PF-VS-02 says; the writer is read of `metadata.managedFields`. A write whose answer
 * was lost may have landed, on some routes or on all: each may show its share.
 */
export const weightsAsWritten: Check = defineCheck({
  id: 'PF-VS-10',
  title: 'The weights stand as canaryd wrote them',
  family: 'virtual-service',
  priority: 'P0',
  codes: [],
  again: true,
  severity: 'error',
  needs: ['movedVirtualServices'],
  judge: ({ movedVirtualServices }, subject, at) => {
    if (subject.writtenShare === null) return [skip('canaryd has written no weight yet')];
    const own = ownShares(subject.writtenShare, subject);
    return judgeMoved(movedVirtualServices, subject, (moved) => {
      const drifted = moved.filter((one) => !isOwn(canaryShareOf(one, subject), own));
      const inFlight = drifted.filter((one) => isInFlight(one, at));
      if (inFlight.length > 0) return inFlight.map((one) => skip(inFlightWords(one, at)));
      const failures = drifted.map((one) => driftOf(one, own, subject));
      const read = moved.map((one) => `${one.called}: ${weightsIn(one)}`).join('; ');
      return orPass(bounded(failures), `${read}, as ${writtenWords(own)}`);
    });
  },
});

/** The share that was read back last and, while a write is open, the one that may stand there instead. */
type Own = { written: number; intended: number | null };

function ownShares(written: number, { intendedShare }: Pick<Subject, 'intendedShare'>): Own {
  const isOther = intendedShare !== null && Math.abs(intendedShare - written) > rounding;
  return { written, intended: isOther ? intendedShare : null };
}

function isOwn(share: number, { written, intended }: Own): boolean {
  return [written, intended].some((own) => own !== null && Math.abs(share - own) <= rounding);
}

function writtenWords({ written, intended }: Own): string {
  const open = intended === null ? '' : `, or as a write that may have landed (${intended} %)`;
  return `written (${written} %)${open}`;
}

/** True when the last to write the routes was canaryd, seconds ago: the share that it read back is not known yet. */
function isInFlight({ object }: Moved, at: Millis): boolean {
  const [last] = routeOwners(object.metadata);
  return last?.manager === ownManager && last.at !== null && Math.abs(at - last.at) <= inFlightMs;
}

function inFlightWords({ object, called }: Moved, at: Millis): string {
  const [last] = routeOwners(object.metadata);
  return `canaryd's own write of ${called} is ${Math.round(Math.abs(at - (last?.at ?? at)) / 1000)} s old: it is looked at again`;
}

function driftOf(moved: Moved, { written, intended }: Own, subject: Subject) {
  const canary = armName(subject.canary);
  const share = canaryShareOf(moved, subject);
  const [last] = routeOwners(moved.object.metadata).filter(({ manager }) => manager !== ownManager);
  const at = last?.at == null ? '' : ` at ${new Date(last.at).toISOString()}`;
  const who = last === undefined ? 'nobody knows who wrote them' : `last written by ${last.manager}${at}`;
  const wrote = `canaryd wrote ${written} %${intended === null ? '' : `, and ${intended} % that may have landed`}`;
  const more = share > Math.max(written, intended ?? 0);
  return error({
    read: `${moved.called} sends ${share} % to ${canary}, and ${wrote}: ${weightsIn(moved)}; ${who}`,
    means: more
      ? `more users are on ${canary} than its checks allowed for, and whoever wrote that may do it again while the rollout goes back`
      : `${canary} is judged at a share that it does not have, and the next step would overwrite what somebody wanted`,
    mend: `find out who writes the weights and stop it, then let canaryd go on or go back: ${editing(moved, 'get')} -o yaml --show-managed-fields`,
    object: refToMoved(moved),
    path: `${moved.path}.route`,
  });
}
