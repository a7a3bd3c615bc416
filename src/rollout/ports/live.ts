import type { CheckReadings } from '../../analysis/reading.ts';
import { Verdict } from '../../analysis/sequential/verdict.ts';
import type { AuditRow } from '../audit.ts';
import type { CheckResult } from '../rollout.ts';
import type { Millis } from '../units.ts';

/**
 * Seconds within which a transaction has committed or failed. Audit numbers come from a sequence, so a row may
 * appear with a lower number than one that was read before, but not later than this.
 */
export const overlapSeconds = 30;

/** An audit row and the VirtualService that its rollout moves; nulls when it is about no rollout. */
export type PlacedRow = AuditRow & { namespace: string | null; virtualService: string | null };

export type HistoryQuery = {
  afterNumber: number;
  namespace?: string;
  virtualService?: string;
  type?: string;
  limit: number;
};

/**
 * What the sequential judge found at a poll, as it was kept. Another version may have judged by other figures: the readings
 * beside them are still of use.
 */
export const KeptVerdict = Verdict.nullable().catch(null);

export type MeasurementQuery = {
  rolloutId: string;
  /** From this time on, oldest first; without it the newest polls are answered, oldest first, too. */
  since?: Millis;
  /** Only polls that measured this check. */
  check?: string;
  /** Only polls of this step, counted from 0. */
  step?: number;
  /** Only polls that the sequential judge looked at. */
  judged?: true;
  limit: number;
};

/** One poll of the metrics as it was kept. What older versions did not keep is null. */
export type MeasuredPoll = {
  at: Millis;
  /** The step that the rollout stood in, counted from 0. */
  step: number | null;
  /** The canary's share as it was last read back, in percent. */
  share: number | null;
  checks: Record<string, CheckReadings & { judged: Judged | null }>;
  /** What the sequential judge found; null where it did not look, and in words that this version does not know. */
  verdict: Verdict | null;
};

/** How a check was judged at a poll. */
export type Judged = Pick<CheckResult, 'verdict' | 'limit' | 'failuresInARow'>;

/** Cheap reads for those who watch; none takes a lock. */
export interface LiveReads {
  /**
   * Audit rows from `since` on, by PostgreSQL's clock, whose numbers are not known yet; null is the overlap before
   * now. In the order of their number, with PostgreSQL's clock from before they were read.
   */
  recent(asked: {
    since: Millis | null;
    known: number[];
    limit: number;
  }): Promise<{ rows: PlacedRow[]; now: Millis }>;
  /**
   * The number after which to read again so that no row is missed that was not there when `after` was read. Null
   * asks where to begin for nothing but the newest rows.
   */
  resumePoint(after: number | null): Promise<number>;
  /** Audit rows that match, in the order of their number. */
  history(query: HistoryQuery): Promise<PlacedRow[]>;
  measurements(query: MeasurementQuery): Promise<MeasuredPoll[]>;
}
