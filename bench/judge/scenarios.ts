import type { Limits, Regression, Scenario, Service } from './service.ts';
import { rolloutSeconds } from './setting.ts';

const usualLimits: Limits = { errorRate: 0.01, p99Ms: 2000 };

const plain: Service = {
  rps: 200,
  errorRate: 0.005,
  latency: { medianMs: 100, sigma: 0.8 },
  burst: 1,
  podSpread: { errors: 0, latency: 0 },
  podNoise: 0,
  drift: { errors: 1, latency: 1 },
  swing: 0,
  outage: null,
  coldStart: null,
};
const outage = { errors: 0.05, seconds: 180, from: 360, to: 600 };

/** N: the canary is as good as stable, and everybody who rolls it back is wrong. */
export const healthy: Scenario[] = [
  sound('N1', 'little traffic', { rps: 20, errorRate: 0.002 }),
  sound('N2', 'usual traffic', {}),
  sound('N3', 'much traffic', { rps: 2000, errorRate: 0.001 }),
  sound('N4', 'bursts of errors', { burst: 8 }),
  sound('N5', 'an outage behind both', { errorRate: 0.003, outage }),
  sound('N6', 'drift, swing and pod noise', {
    errorRate: 0.004,
    podNoise: 0.3,
    drift: { errors: 1.5, latency: 1.2 },
    swing: 0.3,
  }),
  sound('N7', 'nearly no traffic', { rps: 2, errorRate: 0.003 }),
  sound('N8', 'cold start', { errorRate: 0.003, coldStart: { factor: 2.5, seconds: 30 } }),
  sound('N9', 'pods that stay different', {
    rps: 2000,
    errorRate: 0.004,
    podSpread: { errors: 0.36, latency: 0.1 },
  }),
];

/** R: the canary is worse, and everybody who does not roll it back soon harms users. */
export const regressed: Scenario[] = [
  bad('R1', '0.2 % to 20 %, little traffic', { rps: 20, errorRate: 0.002 }, { errors: 100 }),
  bad('R2', '0.5 % to 5 %', {}, { errors: 10 }),
  bad('R3', '0.5 % to 1.5 %', {}, { errors: 3 }),
  bad('R4', '0.1 % to 0.8 %, much traffic', { rps: 2000, errorRate: 0.001 }, { errors: 8 }),
  bad('R5', '0.1 % to 20 %, much traffic', { rps: 2000, errorRate: 0.001 }, { errors: 200 }),
  bad('R6', 'latency x 1.5', { errorRate: 0.002 }, { latency: 1.5 }),
  bad('R7', 'latency x 4', { errorRate: 0.002 }, { latency: 4 }),
  bad(
    'R8',
    'leak, 0.3 % to 5 %, from 5 min to the end',
    { errorRate: 0.003 },
    { errors: 5 / 0.3, from: 300, until: rolloutSeconds },
  ),
  bad('R9', '0.5 % to 5 % with bursts', { burst: 8 }, { errors: 10 }),
  bad('R10', '0.3 % to 5 % from 11 min on', { errorRate: 0.003 }, { errors: 5 / 0.3, from: 660, until: 660 }),
  bad('R11', '3 x stable, and an outage behind both', { errorRate: 0.003, outage }, { errors: 3 }),
  bad('R12', '0.5 % to 10 %, 5 rps', { rps: 5 }, { errors: 20 }),
  bad('R13', 'a longer tail, the same median', { rps: 2000, errorRate: 0.001 }, { sigma: 1.1 }),
];

function sound(name: string, about: string, different: Partial<Service>): Scenario {
  return { name, about, service: { ...plain, ...different }, regression: null, limits: usualLimits };
}

function bad(name: string, about: string, different: Partial<Service>, worse: Partial<Regression>): Scenario {
  const regression = { from: 0, until: 0, errors: 1, latency: 1, sigma: null, ...worse };
  return { ...sound(name, about, different), regression };
}
