import type { Behaviour } from './mesh-spec.ts';
import { normalFrom, type Random } from './random.ts';
import type { Arm } from './split.ts';

const z99 = 2.3263478740408408;

/** One latency in ms: log-normal with the given median and 99th percentile (sigma = ln(p99 / median) / z99). */
export function drawLatency({ medianMs, p99Ms }: Behaviour, random: Random): number {
  const sigma = Math.log(Math.max(p99Ms, medianMs) / medianMs) / z99;
  return medianMs * Math.exp(sigma * normalFrom(random));
}

/** One of these, each as likely as the others; undefined when there is none. */
export function pick<T>(items: readonly T[], random: Random): T | undefined {
  return items[Math.floor(random() * items.length)];
}

/** One of these by the weight of its arm; undefined when all weights are 0. */
export function pickByWeight<C extends { arm: Pick<Arm, 'weight'> }>(
  choices: readonly C[],
  random: Random,
): C | undefined {
  const total = choices.reduce((sum, { arm }) => sum + arm.weight, 0);
  let left = random() * total;
  return choices.find(({ arm }) => {
    left -= arm.weight;
    return arm.weight > 0 && left < 0;
  });
}

/** One of these by its part of all. */
export function pickKind<K extends { part: number }>(kinds: readonly K[], random: Random): K | undefined {
  let left = random();
  return kinds.find(({ part }) => {
    left -= part;
    return left < 0;
  });
}
