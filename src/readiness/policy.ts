import type { Finding, Severity } from './finding.ts';
import type { Millis } from './snapshot.ts';

/** What may keep a rollout from starting: a failure by how much it weighs, or that nobody knows. */
type Blocking = Severity | 'unknown';

/** A person's word that a check may fail, why, and until when. */
type Waiver = { check: string; reason: string; until: Millis };

export type Policy = { block: readonly Blocking[]; waivers: readonly Waiver[] };

/** A finding and what becomes of it: `expired` is a waiver that would have held earlier. */
export type Ruling = Finding & {
  blocks: boolean;
  waiver: { reason: string; until: Millis; expired: boolean } | null;
};

export type Summary = {
  blocking: number;
  error: number;
  warn: number;
  info: number;
  unknown: number;
  passed: number;
  skipped: number;
  waived: number;
};

/**
 * What the findings mean under a policy at a moment. Only what failed or is unknown can be waived or can block; a
 * waiver holds until its end, and one that has ended is told beside what it no longer covers.
 */
export function rule(findings: readonly Finding[], policy: Policy, at: Millis): Ruling[] {
  return findings.map((finding) => {
    const weight = weightOf(finding);
    const waiver = weight === null ? null : waiverFor(finding.id, policy, at);
    const isWaived = waiver !== null && !waiver.expired;
    return { ...finding, blocks: weight !== null && !isWaived && policy.block.includes(weight), waiver };
  });
}

/** Null for a finding that nobody has to do anything about. */
function weightOf(finding: Finding): Blocking | null {
  if (finding.result === 'fail') return finding.severity;
  return finding.result === 'unknown' ? 'unknown' : null;
}

/** The waiver that ends last counts. */
function waiverFor(id: string, { waivers }: Policy, at: Millis): Ruling['waiver'] {
  const [latest] = waivers.filter(({ check }) => check === id).toSorted((a, b) => b.until - a.until);
  if (latest === undefined) return null;
  const { reason, until } = latest;
  return { reason, until, expired: until <= at };
}

/** How many findings there are of each kind; a waived one is counted as such, and not by its weight. */
export function summaryOf(rulings: readonly Ruling[]): Summary {
  const isWaived = ({ waiver }: Ruling) => waiver !== null && !waiver.expired;
  const standing = rulings.filter((ruling) => !isWaived(ruling));
  const weighing = (weight: Blocking) => standing.filter((ruling) => weightOf(ruling) === weight).length;
  return {
    blocking: rulings.filter(({ blocks }) => blocks).length,
    error: weighing('error'),
    warn: weighing('warn'),
    info: weighing('info'),
    unknown: weighing('unknown'),
    passed: rulings.filter(({ result }) => result === 'pass').length,
    skipped: rulings.filter(({ result }) => result === 'skip').length,
    waived: rulings.filter(isWaived).length,
  };
}
