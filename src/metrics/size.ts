import type { Millis } from '../rollout/units.ts';
import type { Group } from './roster.ts';
import { nameOf } from './together.ts';

/**
 * How many are asked for at once. `most` are; `fits` were answered before, or nothing speaks against them. Between the
 * two is a trial of more.
 */
export type Size = {
  most: number;
  fits: number;
  widenAt: Millis;
  waitMs: number;
  /** Groups of one instant fail together, but are one reason to change. */
  changedAt: Millis;
  answeredAt: Millis;
  doubt: Doubt | null;
  doubtMs: number;
  rescue: Rescue;
};

/** Whether a group was too slow because of its size: a part of it, asked for beside it, shows that. */
type Doubt = { name: string; length: number; tries: number; proofs: number; askedAt: Millis; waitMs: number };
/** When those of a refused group last asked each alone, and whether that helped anybody. */
type Rescue = { at: Millis; hasHelped: boolean; waitMs: number };

const mostInGroup = 50;
/** For how long groups stay smaller: at first, and at most when more are refused again and again. */
const smallerMs = { first: 5 * 60_000, most: 30 * 60_000 };
/** From one larger size that was answered to the next. */
const largerMs = 30_000;
/** From one part of a group to the next, which is half as large when it was slow as well. */
const partMs = { first: 10_000, most: 5 * 60_000 };
/** Smaller groups of which none was answered for so long are no help. */
const helplessMs = 15_000;
const rescueMs = { first: 60_000, most: 10 * 60_000 };
/** One part that is faster may be chance. */
const proofsNeeded = 2;

export function anySize(): Size {
  return {
    most: mostInGroup,
    fits: mostInGroup,
    widenAt: 0,
    waitMs: smallerMs.first,
    changedAt: 0,
    answeredAt: 0,
    doubt: null,
    doubtMs: partMs.first,
    rescue: { at: 0, hasHelped: true, waitMs: rescueMs.first },
  };
}

/** How many may be in a group at an instant. */
export function mostAt(size: Size, at: Millis): number {
  const isTrial = size.most > size.fits;
  if (!isTrial && size.most < mostInGroup && at >= size.widenAt) {
    size.most = Math.min(mostInGroup, size.most * 2);
  }
  return size.most;
}

/** The part of a group that is asked for beside it, where its size is in doubt; null for all others. */
export function partAt({ doubt }: Size, group: Group, at: Millis): Group | null {
  if (doubt === null || at < doubt.askedAt + doubt.waitMs || !isOf(doubt, group)) return null;
  const { length, tries } = doubt;
  if (length >= group.length) return null;
  const start = (tries * length) % (group.length - length + 1);
  const [first, ...others] = group.slice(start, start + length);
  return first === undefined ? null : [first, ...others];
}

/** Notes that a group was answered at `at`. */
export function hasAnswered(size: Size, group: Group, at: Millis): void {
  size.answeredAt = Math.max(size.answeredAt, at);
  if (size.doubt !== null && isOf(size.doubt, group)) size.doubt = null;
  if (size.fits === mostInGroup) size.doubtMs = partMs.first;
  if (group.length <= size.fits || group.length > size.most) return;
  size.fits = group.length;
  size.waitMs = smallerMs.first;
  size.widenAt = at + largerMs;
}

/**
 * Notes that a group had no answer in time, and whether its part had one: null when none was asked for. Time alone is
 * no reason for more queries, because a provider in trouble is slow at everything.
 */
export function wasSlow(size: Size, group: Group, at: Millis, hasPartAnswered: boolean | null): void {
  if (at <= size.changedAt || group.length > size.most) return;
  if (group.length > size.fits) shrink(size, size.fits, at);
  else if (isHelpless(size, at)) growAgain(size, at);
  else if (group.length === 1) return;
  else if (hasPartAnswered === null) doubtSize(size, group, at);
  else judgeSize(size, { at, hasPartAnswered });
}

function isHelpless({ fits, changedAt, answeredAt }: Size, at: Millis): boolean {
  return fits < mostInGroup && at > Math.max(changedAt, answeredAt) + helplessMs;
}

function growAgain(size: Size, at: Millis): void {
  size.changedAt = at;
  size.most = mostInGroup;
  size.fits = mostInGroup;
  size.doubt = null;
  size.doubtMs = Math.min(partMs.most, size.doubtMs * 2);
}

function doubtSize(size: Size, group: Group, at: Millis): void {
  const { doubt } = size;
  // Who was in doubt may have ended.
  if (doubt !== null && at <= doubt.askedAt + 2 * partMs.most) return;
  const length = Math.floor(group.length / 2);
  const name = nameOf(group[0]);
  size.doubt = { name, length, tries: 0, proofs: 0, askedAt: at, waitMs: size.doubtMs };
}

function judgeSize(size: Size, { at, hasPartAnswered }: { at: Millis; hasPartAnswered: boolean }): void {
  const { doubt } = size;
  if (doubt === null || at <= doubt.askedAt) return;
  const next = { ...doubt, tries: doubt.tries + 1, askedAt: at };
  if (!hasPartAnswered) {
    const waitMs = Math.min(partMs.most, doubt.waitMs * 2);
    size.doubt = { ...next, length: Math.max(1, Math.floor(doubt.length / 2)), proofs: 0, waitMs };
  } else if (doubt.proofs + 1 < proofsNeeded) {
    size.doubt = { ...next, proofs: doubt.proofs + 1, waitMs: partMs.first };
  } else {
    shrink(size, doubt.length, at);
    // Larger parts may have been slow because everything was.
    size.widenAt = at + largerMs;
  }
}

/** Whether those of a group that was refused at `at` may ask each alone: not soon again when it helped nobody. */
export function mayAskAlone(size: Size, at: Millis): boolean {
  const { rescue } = size;
  if (rescue.at === at) return true;
  if (!rescue.hasHelped && at < rescue.at + rescue.waitMs) return false;
  const waitMs = rescue.hasHelped ? rescueMs.first : Math.min(rescueMs.most, rescue.waitMs * 2);
  size.rescue = { at, hasHelped: false, waitMs };
  return true;
}

/** Notes that a group was refused at `at`, while one of it was answered alone. */
export function wasRefused(size: Size, group: Group, at: Millis): void {
  if (size.rescue.at === at) size.rescue.hasHelped = true;
  if (at <= size.changedAt || group.length === 1 || group.length > size.most) return;
  const wasTrial = group.length > size.fits;
  if (wasTrial) size.waitMs = Math.min(smallerMs.most, size.waitMs * 2);
  shrink(size, wasTrial ? size.fits : Math.floor(group.length / 2), at);
}

function shrink(size: Size, most: number, at: Millis): void {
  size.most = most;
  size.fits = most;
  size.widenAt = at + size.waitMs;
  size.changedAt = at;
  size.doubt = null;
}

function isOf({ name }: Doubt, group: Group): boolean {
  return group.some((one) => nameOf(one) === name);
}
