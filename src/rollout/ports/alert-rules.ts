/** An alert rule as its provider evaluates it. */
export type KnownRule = {
  group: string;
  alert: string;
  expr: string;
  forSeconds: number;
  labels: Readonly<Record<string, string>>;
};

/** `gaps`: what of the list was not understood. */
export type RulesRead =
  | { kind: 'read'; rules: readonly KnownRule[]; gaps: readonly string[] }
  | { kind: 'unread'; why: string };

/** Where the limits of alert rules are read. Answers, never throws. */
export interface AlertRules {
  /** All alert rules of the metrics provider of a cluster. */
  rules(cluster: string, signal: AbortSignal): Promise<RulesRead>;
}
