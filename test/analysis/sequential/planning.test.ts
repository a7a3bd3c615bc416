import { describe, expect, it } from 'vitest';
import { detectableRate, logNeeded, requestsToDetect } from '../../../src/analysis/sequential/planning.ts';

/** Usual settings with four comparisons: errors and latency, against stable and against a limit. */
const sight = (stableRate: number, noise = 1) => ({
  stableRate,
  tolerance: { ratio: 1.25, excess: 0.0005 },
  noise,
  logNeeded: logNeeded(0.01, 4),
});

describe('how soon a regression shows', () => {
  it('takes about 8.5 in log evidence with the usual settings', () => {
    expect(logNeeded(0.01, 4)).toBeCloseTo(8.48, 2);
  });

  it.each([
    // Stable's rate, the canary's requests a second, its rate as a multiple, and simulated seconds.
    [0.001, 10, 3, 2205],
    [0.001, 100, 3, 232],
    [0.001, 1, 5, 4050],
    [0.001, 1, 10, 855],
    [0.005, 1, 3, 2190],
    [0.005, 10, 3, 240],
    [0.005, 1, 5, 608],
    [0.02, 1, 2, 2408],
    [0.02, 10, 2, 248],
    [0.02, 1, 3, 525],
  ])('is as simulated within a third: %d of stable at %d a second, %d times', (rate, rps, times, simulated) => {
    const requests = requestsToDetect(times * rate, sight(rate)) ?? 0;
    expect(requests / rps / simulated).toBeGreaterThan(0.67);
    expect(requests / rps / simulated).toBeLessThan(1.5);
  });

  it('is never for what is tolerated', () => {
    expect(requestsToDetect(0.006, sight(0.005))).toBeNull();
  });

  it('takes longer by the noise', () => {
    const [calm, noisy] = [1, 3].map((noise) => requestsToDetect(0.05, sight(0.005, noise)) ?? 0);
    expect((noisy ?? 0) / (calm ?? 1)).toBeCloseTo(3, 9);
  });
});

describe('the least rate that a step can see', () => {
  it('is about 20 % with 18 requests', () => {
    expect(detectableRate(18, sight(0.005))).toBeCloseTo(0.2, 2);
  });

  it('is the one that takes as many requests', () => {
    const rate = detectableRate(4000, sight(0.005)) ?? 0;
    expect(requestsToDetect(rate, sight(0.005))).toBeCloseTo(4000, 0);
  });

  it.each([0, 1, 1.5])('is none with %d requests', (requests) => {
    expect(detectableRate(requests, sight(0.3))).toBeNull();
  });

  it('is tiny where nothing is tolerated and stable never fails', () => {
    const strict = { ...sight(0), tolerance: { ratio: 1, excess: 0 } };
    expect(detectableRate(1000, strict)).toBeLessThan(1e-6);
  });
});
