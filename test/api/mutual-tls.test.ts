import { describe, expect, it } from 'vitest';
import { MutualTlsOnWire } from '../../src/api/mutual-tls-wire.ts';
import { trafficAt } from '../../src/rollout/rollout.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { darkSurroundings, surroundingsOf } from '../fakes/surroundings.ts';
import { noon, read, unread } from '../readiness/healthy.ts';
import { bank, type ReadinessWorld, readinessWorld } from './readiness-world.ts';

const url = '/v1/targets/default/payment-prod/payment-service/mtls';

async function picture(world: ReadinessWorld) {
  const response = await world.get(url);
  expect(response.statusCode).toBe(200);
  const body: unknown = response.json();
  const parsed = MutualTlsOnWire.parse(body);
  expect(parsed).toEqual(body);
  return parsed;
}

const caller = (workload: string, requestsPerSecond: number, plaintextPerSecond: number) => ({
  workload,
  namespace: 'order-prod',
  principal: null,
  requestsPerSecond,
  plaintextPerSecond,
});

describe('the mTLS picture of a target', () => {
  it('has the mode of both versions, and the object that decides it', async () => {
    const { modes, versions, checkedAt } = await picture(await readinessWorld());
    expect(checkedAt).toBe(new Date(noon).toISOString());
    expect(versions).toEqual({ stable: 'v1', canary: 'v2' });
    for (const arm of [modes.stable, modes.canary]) {
      expect(arm).toMatchObject({
        known: true,
        why: null,
        value: [{ mode: 'STRICT', decidedBy: { kind: 'PeerAuthentication' } }],
      });
    }
  });

  it('says that the default of Istio holds where no object says anything', async () => {
    const surroundings = surroundingsOf({ peerAuthentications: read([]) });
    const { modes } = await picture(await readinessWorld({ surroundings }));
    expect(modes.canary.value).toMatchObject([{ mode: 'PERMISSIVE', level: 'default', decidedBy: null }]);
  });

  it('has the share of requests in plaintext by source, the most first', async () => {
    const callers = read([caller('orders', 300, 0), caller('batch', 100, 50)]);
    const { plaintext } = await picture(await readinessWorld({ surroundings: surroundingsOf({ callers }) }));
    expect(plaintext.value).toMatchObject({
      ratio: 0.125,
      sources: [
        { workload: 'batch', plaintextPerSecond: 50, plaintextRatio: 0.5 },
        { workload: 'orders', plaintextPerSecond: 0, plaintextRatio: 0 },
      ],
    });
  });

  it('has the time left of the certificate of each pod, the shortest first', async () => {
    const pods = [
      { pod: 'payment-service-v1-a', arm: 'stable' as const, secondsLeft: 60_000 },
      { pod: 'payment-service-v2-b', arm: 'canary' as const, secondsLeft: 600 },
    ];
    const surroundings = surroundingsOf({ proxyCertificates: read({ ttl: 86_400, pods }) });
    const { certificates } = await picture(await readinessWorld({ surroundings }));
    expect(certificates.value).toEqual({ ttlSeconds: 86_400, pods: [pods[1], pods[0]] });
  });

  it('says of each part that it is not known, and why, when it cannot be read', async () => {
    const { modes, plaintext, certificates } = await picture(
      await readinessWorld({ surroundings: darkSurroundings() }),
    );
    for (const part of [modes.stable, modes.canary, plaintext, certificates]) {
      expect(part).toEqual({
        known: false,
        why: 'canaryd may not read it',
        mend: 'give it the Role canaryd-read',
        value: null,
      });
    }
  });

  it('still has the parts that can be read', async () => {
    const surroundings = surroundingsOf({ callers: unread('Prometheus does not answer') });
    const { modes, plaintext } = await picture(await readinessWorld({ surroundings }));
    expect([modes.canary.known, plaintext.known, plaintext.why]).toEqual([
      true,
      false,
      'Prometheus does not answer',
    ]);
  });

  it('takes its roles from the live rollout while the weights are in mid-air', async () => {
    const world = await readinessWorld({ rollouts: [aRollout({ traffic: trafficAt(20, noon) })] });
    world.mesh.moveByAnotherHand(bank, 20);
    expect(await picture(world)).toMatchObject({ liveRollout: rolloutId(1), versions: { canary: 'v2' } });
  });
});
