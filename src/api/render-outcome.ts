import * as because from '../rollout/because.ts';
import { type Check, highestBucketMs } from '../rollout/plan-parts.ts';
import { type Cause, canaryd, type StuckReason } from '../rollout/reasons.ts';
import type { StoredRollout } from '../rollout/rollout.ts';
import type { Millis } from '../rollout/units.ts';
import { judgementBehind } from './judgement.ts';
import { unitOf } from './unit-of.ts';
import type { OutcomeOnWire } from './wire.ts';
import { timestamp } from './wire-parts.ts';

const empty: OutcomeOnWire = {
  cause: null,
  check: null,
  metric: null,
  unit: null,
  value: null,
  stableValue: null,
  limit: null,
  bucket: null,
  requests: null,
  failures: null,
  windowSeconds: null,
  reason: null,
  judgement: null,
  by: null,
  stuck: null,
  endedAt: null,
};

type Judged = Extract<Cause, { kind: 'judged' }>;

const stuckNames = {
  meshWriteFailed: 'mesh_write_failed',
  stableMissing: 'stable_missing',
  targetMissing: 'target_missing',
  stableNotReady: 'stable_not_ready',
  stableCarries: 'no_way_back',
} as const satisfies Record<StuckReason['kind'], string>;

/** How a rollout ended or why it is going back, flat; null while it goes forward. */
export function outcomeOf(rollout: Pick<StoredRollout, 'state' | 'plan'>): OutcomeOnWire | null {
  const outcome = endOf(rollout.state);
  const judged = judgedIn(rollout.state);
  if (outcome === null || judged === null) return outcome;
  return { ...outcome, judgement: judgementBehind(judged.cause, rollout, judged.at) };
}

/** What the sequential judge went by, and when the way back began, where that is known. */
function judgedIn(state: StoredRollout['state']): { cause: Judged; at: Millis | null } | null {
  const isBack = state.kind === 'rollingBack' || state.kind === 'rolledBack';
  const at = isBack ? state.since : null;
  const cause = isBack || state.kind === 'rollbackFailed' ? state.cause : null;
  const found = state.kind === 'handingOver' ? state.breach : cause;
  return found?.kind === 'judged' ? { cause: found, at } : null;
}

function endOf(state: StoredRollout['state']): OutcomeOnWire | null {
  switch (state.kind) {
    case 'waiting':
    case 'preflight':
    case 'running':
    case 'holding':
    case 'paused':
    case 'awaitingApproval':
      return null;
    case 'handingOver':
      return state.breach === null ? null : causeOf(state.breach);
    case 'rollingBack': {
      const stuck = state.stuck === null ? null : stuckNames[state.stuck.kind];
      return { ...causeOf(state.cause), by: state.by, stuck };
    }
    case 'rolledBack':
      return { ...causeOf(state.cause), by: state.by, endedAt: timestamp(state.at) };
    case 'rollbackFailed':
      return { ...causeOf(state.cause), reason: state.why, endedAt: timestamp(state.at) };
    case 'preflightFailed':
      return { ...empty, reason: state.why, endedAt: timestamp(state.at) };
    case 'cancelled':
      return { ...empty, by: state.by, reason: state.reason, endedAt: timestamp(state.at) };
    case 'succeeded':
      return { ...empty, endedAt: timestamp(state.at) };
  }
}

function causeOf(cause: Cause): OutcomeOnWire {
  switch (cause.kind) {
    case 'check':
      return { ...empty, cause: 'check', ...comparedFacts(cause), ...checkFacts(cause) };
    case 'judged':
      return { ...empty, cause: 'judge', ...judgedFacts(cause) };
    case 'severeErrors':
      return { ...empty, cause: 'severe_errors', metric: 'errorRate', ...ratioFacts(cause) };
    case 'unattributedErrors':
      return { ...empty, cause: 'unattributed_errors', ...ratioFacts(cause), failures: cause.failures };
    case 'canaryUnreachable':
      return { ...empty, cause: 'canary_unreachable', ...unreachableFacts(cause.evidence) };
    case 'environmentLimit':
      return { ...empty, cause: 'environment_limit', ...comparedFacts(cause) };
    case 'alert':
      return { ...empty, cause: 'alert', reason: because.cause(cause, canaryd) };
    case 'metricsMissing':
      return { ...empty, cause: 'metrics_missing', unit: 'seconds', value: cause.seconds, reason: cause.why };
    case 'deadline':
      return { ...empty, cause: 'deadline', unit: 'seconds', limit: cause.seconds };
    case 'expired':
      return { ...empty, cause: 'expired', unit: 'seconds', limit: cause.seconds };
    case 'approvalExpired':
      return { ...empty, cause: 'approval_expired', unit: 'seconds', limit: cause.seconds };
    case 'approvalRejected':
      return { ...empty, cause: 'approval_rejected', reason: cause.reason };
    case 'handoverUndone':
      return { ...empty, cause: 'handover_undone' };
    case 'targetMissing':
      return { ...empty, cause: 'target_missing' };
    case 'outOfBand':
      return { ...empty, cause: 'out_of_band' };
    case 'stateRestored':
      return { ...empty, cause: 'state_restored' };
    case 'drift':
      return { ...empty, cause: 'drift', reason: because.moved(cause) };
    case 'operator':
      return { ...empty, cause: 'operator', reason: cause.reason };
  }
}

/** What drives the ruling: rates of bad requests, whichever metric they are of; nulls where nothing does. */
function judgedFacts({ why, verdict }: Judged): Partial<OutcomeOnWire> {
  const driver = verdict.metrics[verdict.driver ?? -1];
  if (driver === undefined) return { reason: why };
  const { id, against, canary, stable, tolerated } = driver;
  return {
    check: against === 'limit' ? id : null,
    metric: driver.metric === 'errorRate' ? 'errorRate' : 'p99LatencyMs',
    unit: 'ratio',
    value: canary.rate.value,
    stableValue: stable.requests > 0 ? stable.rate.value : null,
    limit: tolerated,
    requests: Math.round(canary.requests),
    reason: why,
  };
}

type Compared = Extract<Cause, { kind: 'check' | 'environmentLimit' }>;

function comparedFacts({
  check,
  metric,
  unit,
  value,
  stable,
  limit,
  requests,
}: Compared): Partial<OutcomeOnWire> {
  const shown = shownValue(metric, value);
  const stableValue = stable === null ? null : shownValue(metric, stable).value;
  const counted = metric === 'custom' ? null : requests;
  return {
    check,
    metric,
    unit: unit ?? unitOf(metric, []),
    limit,
    requests: counted,
    stableValue,
    value: shown.value,
    reason: shown.why,
  };
}

function checkFacts(cause: Extract<Cause, { kind: 'check' }>): Partial<OutcomeOnWire> {
  const { bucket, failures, windowSeconds } = cause;
  return { bucket, failures, windowSeconds };
}

function ratioFacts(facts: { value: number; limit: number; requests: number }): Partial<OutcomeOnWire> {
  return { unit: 'ratio', value: facts.value, limit: facts.limit, requests: facts.requests };
}

type Unreachable = Extract<Cause, { kind: 'canaryUnreachable' }>['evidence'];

function unreachableFacts(evidence: Unreachable): Partial<OutcomeOnWire> {
  const failures = evidence.polls;
  if (evidence.kind === 'noReadyPod') return { unit: 'pods', value: evidence.ready, limit: 1, failures };
  const { requests, expected } = evidence;
  return { unit: 'requests', value: requests, limit: expected, requests, failures };
}

/** A measured value as it is shown: nothing is known of a P99 above the highest bucket, so it has no number. */
export function shownValue(
  metric: Check['metric'],
  value: number,
): { value: number | null; why: string | null } {
  return metric === 'p99LatencyMs' && value > highestBucketMs
    ? { value: null, why: 'above the highest bucket' }
    : { value, why: null };
}
