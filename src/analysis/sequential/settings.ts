/** What a broken limit leads to: back to stable, or to a person. */
type Effect = 'rollback' | 'pause';

/**
 * A limit of the plan: a ratio of errors, or a quantile of the latency. `effect` is to roll back where it is left out,
 * `backstopSeconds` that of all limits.
 */
export type AbsoluteLimit = { id: string; effect?: Effect; backstopSeconds?: number } & (
  | { metric: 'errorRate'; max: number }
  | { metric: 'latency'; quantile: number; maxMs: number }
);

/**
 * How far the canary may be from stable: `ratio` times its odds (which is `ratio` times its rate where that is small) and
 * `excess` (0..1) more.
 */
export type Tolerance = { ratio: number; excess: number };

export type JudgeSettings = {
  /** Of all healthy rollouts, the ratio that may be rolled back, over all metrics and looks together. */
  falseRollbackRate: number;
  errors: Tolerance;
  /** Warm-up in seconds, for the comparison with stable alone. */
  latency: Tolerance & { warmUpSeconds: number };
  limits: readonly AbsoluteLimit[];
  /** With `canaryOnly` a broken limit counts only if the canary is worse than stable, too. */
  attribution: 'canaryOnly' | 'absolute';
  /** `pods`: read from the differences between stable's pods; otherwise the noise factor itself. */
  dispersion: 'pods' | number;
  /** What it takes to call the canary healthy before its step is over. */
  promote: { confidence: number; errors: Tolerance; latency: Tolerance; minSeconds: number };
  /** Seconds for which a plain breach of a limit must last to count without evidence: the `for:` of an alert rule. */
  backstopSeconds: number;
  /** Seconds without an answer after which nobody can say anything. */
  noDataSeconds: number;
};

/** What was found to be robust: see the bench. */
export const usualSettings = {
  falseRollbackRate: 0.01,
  errors: { ratio: 1.25, excess: 0.0005 },
  latency: { ratio: 1.5, excess: 0.005, warmUpSeconds: 60 },
  limits: [],
  attribution: 'canaryOnly',
  dispersion: 'pods',
  promote: {
    confidence: 0.95,
    errors: { ratio: 1.5, excess: 0.005 },
    latency: { ratio: 1.5, excess: 0.02 },
    minSeconds: 60,
  },
  backstopSeconds: 300,
  noDataSeconds: 300,
} as const satisfies JudgeSettings;
