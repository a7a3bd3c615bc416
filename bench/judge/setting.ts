/** What is the same for every rollout and every judge. */
export const pollSeconds = 15;
export const stepSeconds = 300;
/** The canary's share of the requests in percent, step after step. */
const shares = [5, 10, 25, 50];
export const pollsOfStep = stepSeconds / pollSeconds;
export const polls = shares.length * pollsOfStep;
export const rolloutSeconds = shares.length * stepSeconds;
export const stablePods = 10;
export const historyMinutes = 30;

/** Upper bounds of Envoy's histograms as it comes, in ms; above the last one there is one bucket more. */
export const boundsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
export const buckets = boundsMs.length + 1;

/** The step, from 0, in which the requests of this poll (from 0) were made. */
export function stepOf(poll: number): number {
  return Math.floor(poll / pollsOfStep);
}

/** The canary's share of those requests in percent. */
export function shareOf(poll: number): number {
  return shares[stepOf(poll)] ?? 0;
}

/** Seconds from the start of the rollout to the scrape that ends this poll. */
export function secondsAt(poll: number): number {
  return (poll + 1) * pollSeconds;
}

/** All of this as a table. */
export const settingTable: [what: string, how: string][] = [
  ['poll', `every ${pollSeconds} s, of both arms at one instant, without lag`],
  ['steps', `${shares.join(' %, ')} %, ${stepSeconds} s each, whatever a judge says but "roll back"`],
  ['stable', `${stablePods} pods; ${historyMinutes} minutes of each before the rollout, minute by minute`],
  ['canary', 'differs from stable as one pod does'],
  ['latency', `lognormal, in Envoy's ${boundsMs.length} bounds (ms): ${boundsMs.join(', ')}`],
  ['requests', 'Poisson an arm and a poll'],
  ['errors', 'binomial; in bursts negative-binomial; 5xx are as fast or slow as other requests'],
  ['buckets', 'multinomial'],
  ['limits', 'of the scenarios: errors > 1 %, P99 > 2000 ms'],
  ['a bad request', "an error, or one slower than the 95th percentile of the service's latency when healthy"],
  ['harm', 'requests to the canary times the bad ones that its regression adds, expected, not counted'],
  ['delay', 'from the onset to the scrape that led back; a missed one counts as never'],
];
