import type { Random } from '../../src/sandbox/random.ts';
import { quantileOf } from './latency.ts';
import { between, logBetween, randomFor } from './random.ts';
import type { Limits, Regression, Scenario, Service } from './service.ts';
import { pollSeconds } from './setting.ts';

/** So many services of each kind are drawn. */
export const servicesOfAKind = 100;

/** How `batteryOf` draws a service, as a table: what, and from which distribution. */
export const batteryTable: [what: string, how: string][] = [
  ['requests a second', '5 to 3,000, log-uniform'],
  ['errors', '0.02 % to 2 %, log-uniform'],
  ['latency', 'median 20 to 500 ms, log-uniform; sigma 0.5 to 1.1, uniform'],
  ['bursts', 'half of the services: variance 2 to 8 x mean, uniform'],
  ["pods' errors", 'sigma of ln(factor): 0 to 0.3 for good, 0 to 0.3 each poll, uniform'],
  ["pods' latency", 'sigma of ln(factor): 0 to 0.05 for good, uniform'],
  ['drift of both arms', 'errors to 0.5 to 2 x, latency to 0.8 to 1.25 x, log-uniform'],
  ['swing of the requests', '0 to 30 %, uniform'],
  ['regression', 'one third latency x 1.4 to 6, otherwise errors x 2 to 60, log-uniform, to 90 % at most'],
  ['onset', '40 % late: 2 to 15 minutes, uniform in whole polls; otherwise from the start'],
  ['limits', 'errors > max(1 %, 2 x its own), P99 > max(2 s, 1.5 x its own)'],
];

/** Healthy services and regressed ones, the same for the same seed. */
export function batteryOf(seed: number): { healthy: Scenario[]; regressed: Scenario[] } {
  const numbers = Array.from({ length: servicesOfAKind }, (_, index) => index + 1);
  return {
    healthy: numbers.map((number) => {
      return scenarioOf(`HN${number}`, serviceFrom(randomFor(seed, 'healthy', number)), null);
    }),
    regressed: numbers.map((number) => {
      const random = randomFor(seed, 'regressed', number);
      const service = serviceFrom(random);
      return scenarioOf(`HR${number}`, service, regressionFrom(random, service));
    }),
  };
}

function scenarioOf(name: string, service: Service, regression: Regression | null): Scenario {
  return { name, about: 'drawn at random', service, regression, limits: limitsOf(service) };
}

/** Rules that fit the service: with fixed ones many would break them when healthy. */
function limitsOf({ errorRate, latency }: Service): Limits {
  return {
    errorRate: Math.max(0.01, 2 * errorRate),
    p99Ms: Math.max(2000, 1.5 * quantileOf(latency, 0.99)),
  };
}

function serviceFrom(random: Random): Service {
  return {
    rps: logBetween(random, 5, 3000),
    errorRate: logBetween(random, 0.0002, 0.02),
    latency: { medianMs: logBetween(random, 20, 500), sigma: between(random, 0.5, 1.1) },
    burst: random() < 0.5 ? between(random, 2, 8) : 1,
    podSpread: { errors: between(random, 0, 0.3), latency: between(random, 0, 0.05) },
    podNoise: between(random, 0, 0.3),
    drift: { errors: logBetween(random, 0.5, 2), latency: logBetween(random, 0.8, 1.25) },
    swing: between(random, 0, 0.3),
    outage: null,
    coldStart: null,
  };
}

function regressionFrom(random: Random, { errorRate }: Service): Regression {
  const isLate = random() < 0.4;
  const from = isLate ? pollSeconds * Math.round(between(random, 120, 900) / pollSeconds) : 0;
  const nothing = { from, until: from, errors: 1, latency: 1, sigma: null };
  if (random() < 1 / 3) return { ...nothing, latency: logBetween(random, 1.4, 6) };
  return { ...nothing, errors: Math.min(logBetween(random, 2, 60), 0.9 / errorRate) };
}
