import { stepAt } from '../../../src/rollout/rollout.ts';
import { positionOf } from '../../../src/rollout/state.ts';
import type { Evidence, Violation } from './evidence.ts';
import type { Change, Logbook, Word } from './logbook.ts';

/** What people said, and what may only happen because they said it. */
export function judgePeople({ logbook }: Evidence): Violation[] {
  return [
    ...logbook.words.flatMap((word) => decisionIsFit(word)),
    ...approvalsArePassed(logbook),
    ...logbook.changes.flatMap((change) => changedCanaryBeginsAnew(change)),
    ...logbook.changes.flatMap((change) => requestsAreClosed(change)),
  ];
}

/** Judged from the outside: who spoke, on what, and what waited at that moment. */
function decisionIsFit({ command, actor, before, pending }: Word): Violation[] {
  if (command.action !== 'approve') return [];
  const isTheirs = actor.kind === 'person' && actor.name !== before.requestedBy.name;
  const isPresent =
    pending?.id === command.approval &&
    before.state.kind === 'awaitingApproval' &&
    before.state.position.step === pending.step;
  if (isTheirs && isPresent) return [];
  const detail = `${actor.name} on ${command.approval} while ${pending?.id ?? 'nothing'} waited`;
  return [{ promise: 'an approval is the word of another person on what waits now', detail }];
}

/** Each time a rollout goes past an approval step, a request of its own was approved by enough people. */
function approvalsArePassed({ changes, words }: Logbook): Violation[] {
  const used = new Set<string>();
  return changes.flatMap((change, index) =>
    stepsPassed(change).flatMap(({ step, count }) => {
      const asked = change.before.approvals.findLast((request) => request.step === step);
      const givers = new Set(
        words.filter(({ pending }) => pending !== null && pending.id === asked?.id).flatMap(giverOf),
      );
      const isNew = asked !== undefined && !used.has(asked.id);
      if (asked !== undefined) used.add(asked.id);
      if (isNew && givers.size >= count) return [];
      const detail = `step ${step + 1} by change ${index}, ${givers.size} of ${count} on ${asked?.id}`;
      return [{ promise: 'nobody goes past an approval without it', detail }];
    }),
  );
}

function giverOf({ command, actor }: Word): string[] {
  return command.action === 'approve' ? [actor.name] : [];
}

function stepsPassed({ before, after }: Change): { step: number; count: number }[] {
  const [from, to] = [positionOf(before.state)?.step ?? 0, positionOf(after.state)?.step ?? 0];
  const between = before.plan.steps.slice(from, to);
  return between.flatMap((_step, index) => {
    const position = { step: from + index, startedAt: 0, overridden: false, bakeEnded: false };
    const step = stepAt(before, position);
    return step.type === 'approval' ? [{ step: position.step, count: step.count }] : [];
  });
}

function changedCanaryBeginsAnew({ before, after, by }: Change): Violation[] {
  const { state } = before;
  if (state.kind !== 'paused' || state.reason.kind !== 'canaryChanged') return [];
  if (after.state.kind !== 'running') return [];
  const isAnew = by === 'word' && after.state.position.step === 0 && after.traffic.applied === 0;
  const hasForgotten = after.identity === null && Object.keys(after.watch.results).length === 0;
  if (isAnew && hasForgotten) return [];
  const detail = `by ${by} at step ${after.state.position.step + 1}`;
  return [{ promise: 'a changed canary begins at the first step, by a person, with nothing proven', detail }];
}

function requestsAreClosed({ after }: Change): Violation[] {
  const pending = after.approvals.filter(({ status }) => status === 'pending').length;
  const expected = after.state.kind === 'awaitingApproval' ? 1 : 0;
  if (pending === expected) return [];
  const detail = `${pending} open requests while ${after.state.kind}`;
  return [{ promise: 'one request waits while people are asked, and none otherwise', detail }];
}
