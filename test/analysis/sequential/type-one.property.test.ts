import { describe, expect, it } from 'vitest';
import { logFactorAgainstStable } from '../../../src/analysis/sequential/count-evidence.ts';
import { worse } from '../../../src/analysis/sequential/mixture.ts';
import { openJudge } from '../../../src/analysis/sequential/open-judge.ts';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { firstStakes, logWealth, newStake, staked } from '../../../src/analysis/sequential/wealth.ts';
import { withPoll } from '../../../src/analysis/sequential/with-poll.ts';
import { normalFrom, seededRandom } from '../../../src/sandbox/random.ts';
import { cumulatedBinomial, drawFrom } from './draws.ts';
import { pollAt } from './rollouts.ts';

const alpha = 0.05;
const looks = 200;
const runs = 2500;

type Border = {
  name: string;
  rate: number;
  noisy?: boolean;
  canary: number;
  stable: number;
  ratio: number;
  excess: number;
};

/** Eight borders of what is tolerated, 20,000 runs together; where it is noisy stable's rate is another at each poll. */
const borders: Border[] = [
  { name: 'stable never fails', rate: 0, canary: 150, stable: 2850, ratio: 1.25, excess: 0.0005 },
  { name: 'the usual tolerance', rate: 0.005, canary: 150, stable: 2850, ratio: 1.25, excess: 0.0005 },
  { name: 'no tolerance', rate: 0.02, canary: 150, stable: 1350, ratio: 1, excess: 0 },
  { name: 'few requests', rate: 0.02, canary: 15, stable: 285, ratio: 1.25, excess: 0.0005 },
  { name: 'hardly any requests', rate: 0.1, canary: 2, stable: 38, ratio: 1.25, excess: 0.0005 },
  { name: 'half of the share', rate: 0.05, canary: 300, stable: 300, ratio: 1, excess: 0.01 },
  { name: 'nearly the whole share', rate: 0.05, canary: 270, stable: 30, ratio: 1, excess: 0 },
  {
    name: 'a rate that jumps',
    rate: 0.01,
    noisy: true,
    canary: 150,
    stable: 1350,
    ratio: 1.25,
    excess: 0.0005,
  },
];

describe('at the border of what is tolerated', () => {
  it.each(
    borders,
  )(`the evidence of 200 polls ever reaches 20 in at most 5 % of 2,500 runs: $name`, (border) => {
    const stopped = evidenceWhenStopped(border);
    expect(stopped.filter((evidence) => evidence >= 1 / alpha).length).toBeLessThanOrEqual(alpha * runs);
  });

  it.each(
    borders,
  )('the evidence is at most 1 on average when one stops there, or at the end: $name', (border) => {
    const stopped = evidenceWhenStopped(border);
    const mean = stopped.reduce((sum, evidence) => sum + evidence, 0) / runs;
    const variance = stopped.reduce((sum, evidence) => sum + (evidence - mean) ** 2, 0) / (runs - 1);
    expect(mean).toBeLessThanOrEqual(1 + 3 * Math.sqrt(variance / runs));
    expect(mean).toBeGreaterThan(0);
  });
});

const found = new Map<string, number[]>();

/** The evidence of each run, at the look at which it reaches 20 or at the last one. */
function evidenceWhenStopped(border: Border): number[] {
  const known = found.get(border.name);
  if (known !== undefined) return known;
  const random = seededRandom(71);
  const levels = levelsOf(border);
  const stopped = Array.from({ length: runs }, () => Math.exp(stoppedAt(border, levels, random)));
  found.set(border.name, stopped);
  return stopped;
}

type Level = { canary: Float64Array; stable: Float64Array };

/** The chances of both arms' bad requests: one level, or sixteen of a lognormal law with sigma 0.7. */
function levelsOf({ rate, noisy = false, canary, stable, ratio, excess }: Border): Level[] {
  const random = seededRandom(5);
  return Array.from({ length: noisy ? 16 : 1 }, () => {
    const at = noisy ? Math.min(0.5, rate * Math.exp(0.7 * normalFrom(random))) : rate;
    return {
      canary: cumulatedBinomial(canary, Math.min(1, ratio * at + excess)),
      stable: cumulatedBinomial(stable, at),
    };
  });
}

/** The log of the evidence at which a run stops. */
function stoppedAt({ canary, stable, ratio, excess }: Border, levels: Level[], random: () => number): number {
  let stakes = firstStakes(worse.length);
  const threshold = -Math.log(alpha);
  let log = 0;
  for (let look = 0; look < looks; look++) {
    const level = levels[Math.floor(random() * levels.length)];
    if (level === undefined) throw new Error('no level');
    const counts = {
      canaryBad: drawFrom(random, level.canary),
      canaryRequests: canary,
      stableBad: drawFrom(random, level.stable),
      stableRequests: stable,
    };
    const factors = worse.map((psi) => logFactorAgainstStable(counts, { ratio, excess }, psi));
    stakes = staked(stakes, factors, { fresh: newStake(look), noise: 1, most: 100 });
    log = logWealth(stakes, look);
    if (log >= threshold) return log;
  }
  return log;
}

describe('the whole judge at the border of what is tolerated', () => {
  it('rolls back at most 1 % of 600 rollouts of 200 polls', () => {
    const random = seededRandom(72);
    const used = { ...usualSettings, dispersion: 1 };
    const opened = openJudge({ boundsMs: [], pods: [] }, used);
    const chances = {
      canary: cumulatedBinomial(150, 1.25 * 0.01 + 0.0005),
      stable: cumulatedBinomial(2850, 0.01),
    };
    let rolledBack = 0;
    for (let run = 0; run < 600; run++) {
      let state = opened;
      for (let look = 0; look < looks; look++) {
        const canary = { requests: 150, errors: drawFrom(random, chances.canary), buckets: [] };
        const stable = { requests: 2850, errors: drawFrom(random, chances.stable), buckets: [] };
        const judged = withPoll(state, pollAt(look, { canary, stable }), used, { seconds: 300 });
        state = judged.state;
        if (judged.ruling.decision !== 'rollback') continue;
        rolledBack++;
        break;
      }
    }
    expect(rolledBack).toBeLessThanOrEqual(6);
  });
});
