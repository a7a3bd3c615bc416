/** What an arm does for as long as it is set: `requests` are those of the longest window. */
export type ArmTraffic =
  | {
      kind: 'serving';
      requests: number;
      errorRatio: number;
      p99Ms: number;
      /** Mirrored copies beside the requests, each of them an error; only who gets them counts them. */
      copies?: number;
    }
  | { kind: 'none' }
  | { kind: 'unavailable'; why: string };
