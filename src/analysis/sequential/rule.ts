import { type Driver, evidenceOf } from './evidence.ts';
import { isExcused } from './limits.ts';
import { logMean } from './mixture.ts';
import type { JudgeSettings } from './settings.ts';
import type { Comparison, JudgeState, LimitState } from './state.ts';
import { isBreaking, isShared, isStanding } from './stretch.ts';
import type { Ruling } from './verdict.ts';

/** Requests the canary should have had, below which nothing is ever held against it. */
const someTraffic = 5;
/** Requests of the canary below which a step that is over says nothing, and a strange split may be chance. */
const enoughTraffic = 20;
/** Evidence at which nobody should go on, though it is no reason to go back; and below which that is over. */
const suspicious = 10;
const cleared = 5;
/** More of stable's requests than this (0..1) are not slow ones. */
const mostSlow = 0.5;
/** How many times its seconds a step may last before "nobody can tell" is said. */
const mostExtension = 2;

/**
 * The ruling after a poll with data, given how long the step is to last; with 0 there is no clock. In this order: proof
 * against the canary, an outage that stable shares, a warning, suspicion, proof of health, and only then the clock. Nothing goes on
 * while a limit is broken.
 */
export function ruleOn(state: JudgeState, settings: JudgeSettings, stepSeconds: number): Ruling {
  const hadTraffic = state.expected >= someTraffic;
  const { log, driver } = evidenceOf(state);
  const against = hadTraffic ? rollbackFor(state, settings, { log, driver }) : null;
  if (against !== null) return against;
  if (turningBack(state).some(isShared)) return amidOutage(state, stepSeconds);
  if (hadTraffic && warningIn(state, settings) !== null) return { decision: 'pause', reason: 'warning' };
  if (hadTraffic && isSuspected(state, log)) return waiting(state, stepSeconds, 'suspicion');
  const ruling = withoutSuspicion(state, settings, stepSeconds);
  const isBroken = ruling.decision === 'advance' && state.limits.some(isBreaking);
  // The breach ends or leads back: it needs no person.
  return isBroken ? { decision: 'hold', reason: 'breach' } : ruling;
}

/** Whether the canary is over a limit, though not for long enough to go back; those that a person knows of do not count. */
export function breaksLimit(state: JudgeState, acknowledged: readonly string[]): boolean {
  return withoutAcknowledged(state, acknowledged).limits.some(isBreaking);
}

/** Once there is suspicion it takes less to keep it: else it would come and go. */
function isSuspected({ ruling }: JudgeState, log: number): boolean {
  return log >= Math.log(ruling.reason === 'suspicion' ? cleared : suspicious);
}

/** The cause is not the canary alone, so it is waited out; for no longer than a broken limit may last at all. */
function amidOutage(state: JudgeState, stepSeconds: number): Ruling {
  const lasts = turningBack(state).some(
    (limit) => isShared(limit) && limit.outage.seconds >= limit.backstopSeconds,
  );
  if (lasts) return { decision: 'rollback', reason: 'environmentLimit' };
  return waiting(state, stepSeconds, 'environment');
}

function withoutSuspicion(state: JudgeState, settings: JudgeSettings, stepSeconds: number): Ruling {
  if (isProvenHealthy(state, settings)) return { decision: 'advance', reason: 'provenHealthy' };
  const isOver = stepSeconds > 0 && state.step.seconds >= stepSeconds;
  return isOver ? atTheEnd(state, stepSeconds) : meanwhile(state, settings);
}

/** Without evidence against the canary a step that is over goes on, unproven, but never without traffic. */
function atTheEnd(state: JudgeState, stepSeconds: number): Ruling {
  if (state.step.canary >= enoughTraffic) return { decision: 'advance', reason: 'unproven' };
  return waiting(state, stepSeconds, 'noTraffic');
}

function meanwhile({ step }: JudgeState, { promote }: JudgeSettings): Ruling {
  const lacksTraffic = step.expected < someTraffic && step.seconds >= promote.minSeconds;
  if (lacksTraffic) return { decision: 'hold', reason: 'noTraffic' };
  return { decision: 'continue', reason: 'gathering' };
}

/** Held while it may still become clear; then a person has to look. */
function waiting(
  { step }: JudgeState,
  stepSeconds: number,
  reason: 'noTraffic' | 'suspicion' | 'environment',
): Ruling {
  const isLate = stepSeconds > 0 && step.seconds >= mostExtension * stepSeconds;
  return { decision: isLate ? 'inconclusive' : 'hold', reason };
}

function rollbackFor(
  state: JudgeState,
  settings: JudgeSettings,
  { log, driver }: { log: number; driver: Driver },
): Ruling | null {
  const isEnough = log >= -Math.log(settings.falseRollbackRate);
  if (isEnough && (driver.kind !== 'split' || state.step.expected >= enoughTraffic)) {
    return { decision: 'rollback', reason: reasonOf(driver) };
  }
  const lasts = turningBack(state).some(isStanding);
  return lasts ? { decision: 'rollback', reason: 'backstop' } : null;
}

/**
 * The state without the limits that a person has seen broken and goes on in spite of, by their ids; those that lead back to
 * stable stay.
 */
export function withoutAcknowledged(state: JudgeState, acknowledged: readonly string[] = []): JudgeState {
  const isHeeded = ({ id, effect }: LimitState) => effect === 'rollback' || !acknowledged.includes(id);
  return { ...state, limits: state.limits.filter(isHeeded) };
}

/** The limits that lead back to stable when they are broken. */
function turningBack({ limits }: JudgeState): LimitState[] {
  return limits.filter(({ effect }) => effect === 'rollback');
}

/**
 * A broken limit that asks a person, or null. Each has its evidence for itself, and needs as much as a rollback does: at most
 * the same part of healthy canaries is ever paused by it.
 */
export function warningIn({ limits }: JudgeState, settings: JudgeSettings): LimitState | null {
  const needed = -Math.log(settings.falseRollbackRate);
  const warns = (limit: LimitState) => (!isExcused(limit) && limit.log >= needed) || isStanding(limit);
  return limits.find((limit) => limit.effect === 'pause' && !limit.isBlind && warns(limit)) ?? null;
}

function reasonOf(driver: Driver): 'regression' | 'limit' | 'trafficMismatch' {
  if (driver.kind === 'limit') return 'limit';
  return driver.kind === 'split' ? 'trafficMismatch' : 'regression';
}

/**
 * Whether errors and latency are proven to be within what is tolerated to go on early: on this step's data alone, each by
 * the reverse test at the level 1 - confidence. All must be proven, so the chance that one that is worse passes is at
 * most that level (an intersection-union test needs no correction: Berger, Technometrics 24, 1982).
 */
function isProvenHealthy({ errors, latency, step }: JudgeState, { promote }: JudgeSettings): boolean {
  if (step.seconds < promote.minSeconds) return false;
  const needed = -Math.log(1 - promote.confidence);
  const all = [errors, ...provenAt(latency?.atBounds ?? [])];
  return all.every(({ better }) => logMean(better) >= needed);
}

/**
 * The bounds at which a canary must be proven: those that at most half of stable's requests exceed. Below them nothing
 * can be proven, for the count of what exceeds them is bounded as if it were Poisson, with twice its variance and more.
 */
function provenAt(atBounds: readonly Comparison[]): readonly Comparison[] {
  const slow = atBounds.filter(({ usualRate }) => usualRate <= mostSlow);
  return slow.length > 0 ? slow : atBounds;
}
