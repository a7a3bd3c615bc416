/** What a pipeline branches on; the same numbers as `exitCode` in the API. */
export const exitCodes = {
  done: 0,
  unexpected: 1,
  usage: 2,
  /** canaryd rolled back or, where it only looks at what was recorded, would have. */
  rolledBack: 3,
  /** The plan, the file or the target is wrong; no traffic was touched. */
  invalid: 6,
  /** Something else is in the way now: another rollout, or a newer version. */
  conflict: 7,
  /** The canary may still have traffic: a person has to look. */
  needsPerson: 10,
  notSignedIn: 11,
  unreachable: 12,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
