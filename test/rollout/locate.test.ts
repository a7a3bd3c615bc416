import { describe, expect, it } from 'vitest';
import { locate } from '../../src/rollout/locate.ts';

const target = { namespace: 'bank', virtualService: 'payments' };

describe('the cluster of a target', () => {
  it('may be left out when there is one, whatever its name', () => {
    expect(locate(target, ['prod'])).toEqual({ kind: 'located', request: { ...target, cluster: 'prod' } });
  });

  it('is the one that is named', () => {
    const named = { ...target, cluster: 'us' };
    expect(locate(named, ['eu', 'us'])).toEqual({ kind: 'located', request: named });
  });

  it('must be named when there are several: guessing would move the traffic of another one', () => {
    expect(locate(target, ['eu', 'us'])).toEqual({
      kind: 'clusterUnknown',
      asked: null,
      clusters: ['eu', 'us'],
    });
  });

  it.each([[['eu']], [['eu', 'us']]])('is refused when it is none of %j', (clusters) => {
    const named = { ...target, cluster: 'default' };
    expect(locate(named, clusters)).toEqual({ kind: 'clusterUnknown', asked: 'default', clusters });
  });
});
