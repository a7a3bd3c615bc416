/** What the program ends with; the same numbers as `exitCode` in the API and in the command line client. */
export const ends = {
  done: 0,
  /** Also when a person said no. */
  notDone: 1,
  usage: 2,
  /** Nothing here that could be taken back; nothing was written. */
  invalid: 6,
  /** Another rollout moves the object now. */
  conflict: 7,
  /** The canary may still have traffic. */
  needsPerson: 10,
  notAllowed: 11,
  unreachable: 12,
} as const;
export type End = (typeof ends)[keyof typeof ends];
