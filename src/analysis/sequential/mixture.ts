/** How many times worse than tolerated a canary may be: each is bet on, since nobody knows which one will be true. */
export const worse: readonly number[] = [1.5, 2, 3, 5, 10, 30];
/**
 * As parts of what is tolerated, how good it may be: the bets of the proof that a canary is healthy. The first is close
 * to 1, since at low bounds of a histogram a healthy canary is not much below what is tolerated.
 */
export const better: readonly number[] = [1.25, ...worse].map((times) => 1 / times);
/** The bets of the upper bound of an excess. */
export const below: readonly number[] = [...worse, 100].map((times) => 1 / times);

/** Log of the mean of what the logs stand for, without overflow; the mean of e-processes is one, too. */
export function logMean(logs: readonly number[]): number {
  return logSum(logs) - Math.log(logs.length);
}

/** Log of the sum of what the logs stand for, without overflow. */
export function logSum(logs: readonly number[]): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const log of logs) if (log > largest) largest = log;
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - largest);
  return largest + Math.log(sum);
}

/** Log of the sum of two numbers given as logs. */
export function logAdd(left: number, right: number): number {
  return left > right
    ? left + Math.log1p(Math.exp(right - left))
    : right + Math.log1p(Math.exp(left - right));
}

/** Above it an exponential is no number any more. */
const largestLog = 700;

/** The number a log stands for, always finite. */
export function fromLog(log: number): number {
  return Math.exp(Math.min(log, largestLog));
}
