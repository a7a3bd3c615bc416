import type { Reading } from '../../analysis/reading.ts';
import * as because from '../because.ts';
import type { Finding } from '../finding.ts';
import { watchOver } from '../guard.ts';
import { isPreviewed, namesOf } from '../managed.ts';
import type { Plan } from '../plan.ts';
import { meshChecksIn } from '../plan-parts.ts';
import { type Cause, canaryd, type HoldReason, type PauseReason } from '../reasons.ts';
import { type CheckResult, newRollout, type Rollout, trafficAt } from '../rollout.ts';
import * as say from '../say.ts';
import { bake } from '../steps/bake.ts';
import type { Arm, Target } from '../target.ts';
import { countingSinceTaken } from '../uptake.ts';
import type { Recording } from './recording.ts';
import type { Placed } from './stages.ts';
import { measuredAt } from './window.ts';

/** What the plan's checks say at a poll; a value is null where there was none to judge. */
export type ThresholdLine = {
  decision: 'continue' | 'advance' | 'hold' | 'pause' | 'rollback';
  reason: 'gathering' | 'checksPassed' | Cause['kind'] | HoldReason['kind'] | PauseReason['kind'];
  checks: Record<
    string,
    Pick<CheckResult, 'verdict' | 'failuresInARow'> & { canary: number | null; stable: number | null }
  >;
};

export type ThresholdLook = { line: ThresholdLine; finding: Finding; rollout: Rollout };

/**
 * The rollout of a plan that nobody asked for: its guards see what was recorded, and nothing of a mesh. What custom
 * checks ask for stands in no recording.
 */
export function openThreshold(plan: Plan, { scrapeSeconds }: Recording): Rollout {
  return newRollout(
    {
      id: 'replay',
      target: nowhere,
      plan: { ...plan, judge: 'threshold', checks: meshChecksIn(plan.checks) },
      requestedBy: canaryd,
      reason: null,
    },
    scrapeSeconds,
    0,
  );
}

/**
 * The same guards as in a live rollout, over one recorded poll. A poll is a measurement when the plan's interval has
 * passed since the one before. Times are milliseconds since the recording began.
 */
export function lookByThreshold(before: Rollout, placed: Placed, recording: Recording): ThresholdLook {
  const { poll, stage, stepSeconds } = placed;
  const now = poll.at * 1000;
  const position = { step: 0, startedAt: now - stepSeconds * 1000, overridden: false, bakeEnded: false };
  const managed = { desired: stage.managed, applied: namesOf(stage.managed) };
  const traffic = { ...trafficAt(poll.share, position.startedAt), managed };
  const rollout: Rollout = { ...before, traffic, state: { kind: 'running', position } };
  const isDue = now >= before.nextPollAt;
  const measurements = isDue ? measuredAt(rollout, recording, placed.index) : null;
  const facts = { ...unseen, share: poll.share, isPreviewed: isPreviewed(rollout), measurements };
  const { watch, finding } = watchOver(rollout, facts, now);
  const nextPollAt = isDue ? now + before.plan.interval * 1000 : before.nextPollAt;
  const after: Rollout = { ...rollout, watch, nextPollAt };
  const counting = countingSinceTaken(position, after);
  const outcome = bake({ duration: stage.bakeSeconds }, { rollout: after, position: counting, now });
  const isProven = poll.share > 0 && outcome.kind === 'done';
  return {
    line: { ...ruledBy(finding, isProven), checks: checksIn(watch.results) },
    finding,
    rollout: after,
  };
}

/** What was decided at the last look, for an engineer on call. */
export function thresholdSentence({ finding, line }: ThresholdLook, { poll, stepSeconds }: Placed): string {
  const share = say.share(poll.share);
  const when = `${say.seconds(stepSeconds)} after it got ${share}`;
  if (finding.kind === 'rollback') {
    return say.sentence(`rolled back the canary ${when}: ${because.cause(finding.cause, canaryd)}`);
  }
  if (finding.kind === 'hold') {
    return say.sentence(`holding the canary at ${share}: ${because.hold(finding.reason)}`);
  }
  if (finding.kind === 'pause') {
    return say.sentence(`paused the canary ${when}: ${because.pause(finding.reason)}`);
  }
  if (line.decision === 'advance') return say.sentence(`advanced the canary ${when}: every check passed`);
  return say.sentence(
    `watching the canary at ${share}: no check has failed too often, nor has the bake ended`,
  );
}

function ruledBy(finding: Finding, isProven: boolean): Pick<ThresholdLine, 'decision' | 'reason'> {
  switch (finding.kind) {
    case 'rollback':
      return { decision: 'rollback', reason: finding.cause.kind };
    case 'hold':
    case 'pause':
      return { decision: finding.kind, reason: finding.reason.kind };
    case 'clear':
      return isProven
        ? { decision: 'advance', reason: 'checksPassed' }
        : { decision: 'continue', reason: 'gathering' };
  }
}

function checksIn(results: Record<string, CheckResult>): ThresholdLine['checks'] {
  return Object.fromEntries(
    Object.entries(results).map(([id, { verdict, failuresInARow, canary, stable }]) => [
      id,
      { verdict, failuresInARow, canary: valueIn(canary), stable: valueIn(stable) },
    ]),
  );
}

function valueIn(reading: Reading): number | null {
  return reading.kind === 'value' ? reading.value : null;
}

const unknown = { kind: 'unknown', why: 'a recording has no pods' } as const;

/** What a recording cannot tell of the mesh. */
const unseen = {
  readiness: { stable: unknown, canary: unknown },
  stableHasOtherRoutes: false,
  canaryHasOtherRoutes: false,
  isUneven: false,
};

const nowhere: Target = {
  cluster: '',
  namespace: '',
  virtualService: '',
  uid: '',
  route: '',
  routes: [],
  also: [],
  stable: arm('stable'),
  canary: arm('canary'),
  stableReadyAtStart: null,
};

function arm(version: string): Arm {
  return { host: '', subset: null, service: { name: '', namespace: '' }, version, podLabels: null };
}
