import type { Actor, ReceivedBy } from '../reasons.ts';
import type { Millis } from '../units.ts';

export type Labels = Readonly<Record<string, string>>;

/** An alert as an Alertmanager tells of it; with an end it fires no more. */
export type ToldAlert = { fingerprint: string; labels: Labels; startsAt: Millis; endsAt: Millis | null };

/** An alert that fires. A null `startsAt`: nobody knows since when. */
export type FiringAlert = { labels: Labels; startsAt: Millis | null; receivedBy: ReceivedBy };

/** What one Alertmanager told of a cluster, and whose token it used. */
export type Told = { cluster: string; by: Actor; alerts: readonly ToldAlert[] };

/** Alerts that were sent to canaryd. */
export interface ReceivedAlerts {
  /**
   * Writes down what was told; an alert is the same when its cluster, its fingerprint and its beginning are, and what was
   * told last of it counts.
   * @returns how many of them nobody had told of before
   */
  receive(told: Told): Promise<number>;
  /**
   * Those of a cluster that fire and have all labels of one of `matches`: at most 100, those that began last. One that
   * nobody repeated for 12 hours fires no more.
   */
  firing(cluster: string, matches: readonly Labels[]): Promise<FiringAlert[]>;
}

/** Alerts that are looked for. Answers, never throws. */
export interface PolledAlerts {
  /** All that fire in the cluster's own provider. */
  firing(cluster: string): Promise<{ kind: 'read'; alerts: FiringAlert[] } | { kind: 'unread'; why: string }>;
}

/** Where a turn hears of alerts. */
export type AlertSources = { received: ReceivedAlerts; polled: PolledAlerts };

/** What was heard at a poll: what fires, and why that may not be all. */
export type Heard = { firing: FiringAlert[]; unread: { from: ReceivedBy['kind']; why: string }[] };
