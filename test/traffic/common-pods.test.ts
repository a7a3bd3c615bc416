import { describe, expect, it } from 'vitest';
import type { Arm } from '../../src/rollout/target.ts';
import { unavailable } from '../../src/traffic/api-answer.ts';
import type { Pod } from '../../src/traffic/cluster-objects.ts';
import { findCommonPod } from '../../src/traffic/common-pods.ts';
import type { Kube } from '../../src/traffic/kube.ts';
import { destination, rolesOf, withRoute } from './objects.ts';

const roles = rolesOf(withRoute([destination('v1', 1), destination('v2')]));
const signal = new AbortController().signal;

function arm(podLabels: Record<string, string>, more: Partial<Arm> = {}): Arm {
  const service = { name: 'payment', namespace: 'shop' };
  return { host: 'payment.shop.svc.cluster.local', subset: 'v', service, version: 'v', podLabels, ...more };
}

/** A cluster with these pods; `asked` are the labels that were asked for. */
function cluster(...pods: Pod[]) {
  const asked: Record<string, string>[] = [];
  const listPods: Kube['listPods'] = async (_namespace, labels) => {
    asked.push(labels);
    return { kind: 'found', value: pods };
  };
  return { asked, listPods };
}

const stable = arm({ app: 'payment', version: 'v1' });
const canary = arm({ app: 'payment', track: 'new' });
const both = { app: 'payment', version: 'v1', track: 'new' };
const pod: Pod = { metadata: { name: 'payment-7d9f-x2x', labels: both } };

describe('two destinations', () => {
  it('are refused when one pod stands behind both, with its name, the path and the mend', async () => {
    const kube = cluster(pod);
    expect(await findCommonPod(kube, roles, { stable, canary }, signal)).toEqual({
      kind: 'shape',
      fault: {
        code: 'unsupported-shape',
        path: 'spec.http[0].route[1].destination.subset',
        message:
          'the pod payment-7d9f-x2x stands behind both destinations, stable (app=payment, version=v1) and canary (app=payment, track=new), so it would serve requests of both at every weight: give them labels that no pod bears all of',
      },
    });
    expect(kube.asked).toEqual([both]);
  });

  it('are refused by the path of the host where each has one of its own', async () => {
    const own = { ...canary, subset: null, service: { name: 'payment-new', namespace: 'shop' } };
    expect(await findCommonPod(cluster(pod), roles, { stable, canary: own }, signal)).toMatchObject({
      fault: { path: 'spec.http[0].route[1].destination.host' },
    });
  });

  it('are told apart without asking when their labels contradict each other', async () => {
    const kube = cluster(pod);
    const other = arm({ app: 'payment', version: 'v2' });
    expect(await findCommonPod(kube, roles, { stable, canary: other }, signal)).toBeNull();
    expect(kube.asked).toEqual([]);
  });

  it('are told apart without asking when their pods live in different namespaces', async () => {
    const far = { ...canary, service: { name: 'payment', namespace: 'lab' } };
    expect(await findCommonPod(cluster(pod), roles, { stable, canary: far }, signal)).toBeNull();
  });

  it.each<[string, Pod[]]>([
    ['no pod bears the labels of both', []],
    ['the only one that does is going away', [{ metadata: { labels: both, deletionTimestamp: 'now' } }]],
    ['the only one that does has run to its end', [{ ...pod, status: { phase: 'Succeeded' } }]],
  ])('are accepted when %s', async (_what, pods) => {
    expect(await findCommonPod(cluster(...pods), roles, { stable, canary }, signal)).toBeNull();
  });

  it('are accepted when pods may not be read', async () => {
    const listPods: Kube['listPods'] = async () => unavailable('forbidden', '403');
    expect(await findCommonPod({ listPods }, roles, { stable, canary }, signal)).toBeNull();
  });
});
