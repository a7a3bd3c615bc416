import { describe, expect, it } from 'vitest';
import { Target, TargetRequest } from '../../src/rollout/target.ts';
import { paymentTarget } from '../fakes/rollouts.ts';

const asked = { namespace: 'shop', virtualService: 'payment' };

describe('a destination that a person selects', () => {
  it.each([
    { subset: 'v2' },
    { host: 'payment-v2' },
    { host: 'payment-v2.shop' },
    { host: 'payment.shop.svc.cluster.local', subset: 'v2' },
  ])('is named by %j', (canary) => {
    expect(TargetRequest.parse({ ...asked, canary })).toMatchObject({ canary });
  });

  it.each([
    [{}, [], 'name the destination by its subset, its host or both, such as {"subset": "v2"}'],
    [{ host: 'Payment' }, ['host'], 'write a host as it stands in the route, such as payment-v2'],
    [{ host: '' }, ['host'], 'write a host as it stands in the route'],
    [{ host: '../secrets' }, ['host'], 'write a host as it stands in the route'],
    [{ host: 'x'.repeat(254) }, ['host'], 'write a host as it stands in the route'],
    [{ host: 7 }, ['host'], 'write the host of a destination'],
    [{ hosts: 'payment-v2' }, [], 'Unrecognized key'],
  ])('is refused as %j, with the field and the mend', (canary, path, message) => {
    const [issue] = TargetRequest.safeParse({ ...asked, canary }).error?.issues ?? [];
    expect(issue).toMatchObject({ path: ['canary', ...path], message: expect.stringContaining(message) });
  });
});

describe('a target', () => {
  it('that was stored when both arms shared one service is read with that service in each', () => {
    const { stable, canary, ...rest } = paymentTarget;
    const withoutService = ({ service: _service, ...arm }: typeof stable) => arm;
    const earlier = {
      ...rest,
      service: stable.service,
      stable: withoutService(stable),
      canary: withoutService(canary),
    };
    expect(Target.parse(earlier)).toEqual(paymentTarget);
  });

  it('is stored as it is read', () => {
    expect(Target.parse(JSON.parse(JSON.stringify(paymentTarget)))).toEqual(paymentTarget);
  });

  it.each([null, 7, {}, { service: 'payment' }])('is not %j', (stored) => {
    expect(Target.safeParse(stored).success).toBe(false);
  });
});
