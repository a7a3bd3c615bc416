import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { expectedRequests, isProven, isWindowFull } from '../../src/rollout/evidence.ts';
import { type CheckResult, type Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import { aRollout } from '../fakes/rollouts.ts';
import { start } from './drive.ts';

const fine: Reading = { kind: 'value', value: 0, requests: 500 };

function resultAt(seconds: number, verdict: CheckResult['verdict'] = 'pass'): CheckResult {
  return { verdict, canary: fine, stable: fine, limit: 1, at: start + seconds * 1000, failuresInARow: 0 };
}

/** At 5 % since the start, with the two checks of the bank's plan measured so. */
function measured(results: Record<string, CheckResult>): Rollout {
  const rollout = aRollout({
    traffic: trafficAt(5, start),
  });
  return { ...rollout, watch: { ...rollout.watch, results } };
}

describe('proof', () => {
  it.each<[string, Record<string, CheckResult>, number, boolean]>([
    ['both passed on a full window', { errorRate: resultAt(61), p99: resultAt(61) }, 0, true],
    ['one scrape short of a full window', { errorRate: resultAt(60.999), p99: resultAt(61) }, 0, false],
    ['measured when the step began', { errorRate: resultAt(90), p99: resultAt(90) }, 90, true],
    ['measured just before the step began', { errorRate: resultAt(90), p99: resultAt(89.999) }, 90, false],
    ['one failed', { errorRate: resultAt(90, 'fail'), p99: resultAt(90) }, 0, false],
    ['one inconclusive', { errorRate: resultAt(90), p99: resultAt(90, 'inconclusive') }, 0, false],
    ['one in error', { errorRate: resultAt(90, 'error'), p99: resultAt(90) }, 0, false],
    ['one not measured yet', { errorRate: resultAt(90) }, 0, false],
    ['none measured yet', {}, 0, false],
  ])('needs every check to have passed: %s', (_name, ...[results, sinceSeconds, isProof]) => {
    expect(isProven(measured(results), start + sinceSeconds * 1000)).toBe(isProof);
  });

  it('needs a window and one scrape after the weight arrived', () => {
    expect(isWindowFull(measured({}), 60, start + 60_999)).toBe(false);
    expect(isWindowFull(measured({}), 60, start + 61_000)).toBe(true);
  });
});

describe('the requests to expect on a canary', () => {
  it.each<[string, Reading, number, number | null]>([
    ['follow from stable and the split', { kind: 'value', value: 950, requests: 950 }, 5, 50],
    ['are as many as those of stable at 50 %', { kind: 'value', value: 300, requests: 300 }, 50, 300],
    ['count a stable with too few to judge', { kind: 'tooFew', requests: 19, needed: 100 }, 5, 1],
    ['are none when stable has none', { kind: 'none' }, 5, 0],
    ['are not known without an answer', { kind: 'unavailable', why: 'down' }, 5, null],
    ['are not known at 100 %, where stable has no share', fine, 100, null],
  ])('%s', (_name, ...[stable, share, expected]) => {
    expect(expectedRequests(stable, share)).toBe(expected);
  });
});
