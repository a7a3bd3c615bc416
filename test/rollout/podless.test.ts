import { describe, expect, it } from 'vitest';
import { misfits } from '../../src/rollout/plan-fits.ts';
import { podlessWarnings } from '../../src/rollout/podless.ts';
import { Target } from '../../src/rollout/target.ts';
import { bankPlan, paymentTarget } from '../fakes/rollouts.ts';

const host = 'rates.bank.example';
const service = { name: host, namespace: 'bank' };
const outside: Target = {
  ...paymentTarget,
  canary: { host, subset: null, service, version: host, podLabels: null },
};

describe('a canary that is a host of a ServiceEntry without pods', () => {
  it('is said before the start to be watched by metrics alone', () => {
    expect(podlessWarnings(outside)).toEqual([
      `behind ${host} are no pods to look at, as the ServiceEntry selects none: that there are ready ones is not watched there, nor a change of images, and metrics of the callers alone decide`,
    ]);
    expect(podlessWarnings(paymentTarget)).toEqual([]);
  });

  it('keeps a plan from handing over to stable, which would wait for images that nobody sees', () => {
    const plan = { ...bankPlan, onSuccess: 'handover' as const };
    expect(misfits(plan, outside)).toEqual([
      expect.objectContaining({
        path: ['onSuccess'],
        message: expect.stringContaining('"onSuccess": "keep"'),
      }),
    ]);
    expect(misfits(plan, paymentTarget)).toEqual([]);
    expect(misfits(bankPlan, outside)).toEqual([]);
  });

  it('is stored with no labels at all, and a stored target that has some stays as it is', () => {
    expect(Target.parse(JSON.parse(JSON.stringify(outside)))).toEqual(outside);
    expect(Target.parse(JSON.parse(JSON.stringify(paymentTarget)))).toEqual(paymentTarget);
  });
});
