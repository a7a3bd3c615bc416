import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { excessBound, rateBand } from '../../../src/analysis/sequential/bands.ts';
import {
  logFactorAgainstLimit,
  logFactorAgainstStable,
  tilt,
  toleratedRatio,
} from '../../../src/analysis/sequential/count-evidence.ts';
import { below, logMean, worse } from '../../../src/analysis/sequential/mixture.ts';

const figure = z.number();
const look = z.tuple([figure, figure, figure, figure]);
const wanted = { note: z.string().optional(), want: figure };
const band = { note: z.string().optional(), want: z.tuple([figure, figure]) };

/** Alternatives to the formulas that the judge uses: it does not have them. */
const leftOut = [
  'logBFmultinomial',
  'csBetaBinomial',
  'logEConfseqBernoulli',
  'confseqBernoulliCI',
  'logEBet',
];

const Vector = z.discriminatedUnion('fn', [
  z.object({ fn: z.literal('tolRatio'), args: z.tuple([figure, figure]), ...wanted }),
  z.object({ fn: z.literal('tilt'), args: look, ...wanted }),
  z.object({
    fn: z.literal('logE2'),
    args: z.tuple([figure, figure, figure, figure, figure, figure, figure]),
    ...wanted,
  }),
  z.object({ fn: z.literal('logE1'), args: look, ...wanted }),
  z.object({ fn: z.literal('mixTwo'), args: z.tuple([z.array(look), figure, figure, figure]), ...wanted }),
  z.object({ fn: z.literal('rateCS'), args: z.tuple([figure, figure, figure, figure, figure]), ...band }),
  z.object({ fn: z.literal('excessBounds'), args: z.tuple([z.array(look), figure, figure]), ...band }),
]);
type Vector = z.infer<typeof Vector>;
type Look = z.infer<typeof look>;

const path = new URL('../../fixtures/judge/vectors.json', import.meta.url);
const all = z.array(z.looseObject({ fn: z.string() })).parse(JSON.parse(readFileSync(path, 'utf8')));
const vectors = z.array(Vector).parse(all.filter(({ fn }) => !leftOut.includes(fn)));

describe('the formulas, beside figures of an independent implementation', () => {
  it.each(
    vectors.map((vector, at) => [`${vector.fn} ${vector.note ?? ''} (${at + 1})`, vector] as const),
  )('%s', (_name, vector) => {
    const found = [figureOf(vector)].flat();
    const want = [vector.want].flat();
    expect(found).toHaveLength(want.length);
    for (const [at, value] of found.entries()) expect(Math.abs(value - (want[at] ?? 0))).toBeLessThan(1e-9);
  });

  it('are tried on every figure but those of formulas the judge does not have', () => {
    expect(all).toHaveLength(19);
    expect(vectors).toHaveLength(14);
    expect(all.filter(({ fn }) => leftOut.includes(fn)).map(({ fn }) => fn)).toEqual(leftOut);
  });
});

function figureOf(vector: Vector): number | [number, number] {
  switch (vector.fn) {
    case 'tolRatio':
      return toleratedRatio(...vector.args);
    case 'tilt': {
      const [psi, canary, stable, ratio] = vector.args;
      return tilt(psi, (ratio * canary) / stable);
    }
    case 'logE2': {
      const [canaryBad, canary, stableBad, stable, factor, ratio, excess] = vector.args;
      const q = (ratio * canary) / stable;
      // The alternative whose tilt is this factor.
      const psi = factor / (1 - q * (factor - 1));
      return logFactorAgainstStable(countsOf([canaryBad, canary, stableBad, stable]), { ratio, excess }, psi);
    }
    case 'logE1':
      return logFactorAgainstLimit(...vector.args);
    case 'mixTwo': {
      const [looks, ratio, excess, noise] = vector.args;
      return logMean(worse.map((psi) => logOf(looks, { ratio, excess }, psi) / noise));
    }
    case 'rateCS': {
      const [bad, requests, alpha, , noise] = vector.args;
      return rateBand(bad, requests, alpha, noise);
    }
    case 'excessBounds': {
      const [looks, alpha] = vector.args;
      return [
        excessBound(ledgerOf(looks, worse), alpha, 'lower'),
        excessBound(ledgerOf(looks, below), alpha, 'upper'),
      ];
    }
  }
}

function countsOf([canaryBad, canaryRequests, stableBad, stableRequests]: Look) {
  return { canaryBad, canaryRequests, stableBad, stableRequests };
}

function logOf(looks: Look[], tolerance: { ratio: number; excess: number }, psi: number): number {
  return looks.reduce((sum, one) => sum + logFactorAgainstStable(countsOf(one), tolerance, psi), 0);
}

function ledgerOf(looks: Look[], alternatives: readonly number[]) {
  const at = (excess: number) => alternatives.map((psi) => logOf(looks, { ratio: 1, excess }, psi));
  const unit = at(1);
  return { gained: at(0), perExcess: at(0).map((none, index) => none - (unit[index] ?? 0)) };
}
