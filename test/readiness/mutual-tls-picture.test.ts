import { describe, expect, it } from 'vitest';
import { mutualTlsPicture } from '../../src/readiness/mutual-tls-picture.ts';
import * as objects from '../../src/readiness/objects.ts';
import * as bank from './bank-objects.ts';
import { healthy, parsed, read, subjectWith, unread } from './healthy.ts';

const decidedBy = { kind: 'PeerAuthentication', namespace: 'istio-system', name: 'default' };

describe('the picture of mutual TLS', () => {
  it('says for both arms the mode and the object that decides it', () => {
    const { modes } = mutualTlsPicture(healthy());
    const strict = [{ mode: 'STRICT', level: 'mesh', decidedBy, ports: [] }];
    expect(modes.stable).toMatchObject({ kind: 'known', value: strict });
    expect(modes.canary).toMatchObject({ kind: 'known', value: strict });
  });

  it('says where a port has another mode than its workload', () => {
    const [meshWide] = bank.peerAuthentications;
    const own = {
      ...meshWide,
      metadata: { ...meshWide?.metadata, namespace: 'payment-prod', name: 'own' },
      spec: { selector: { matchLabels: { version: 'v2' } }, portLevelMtls: { 8080: { mode: 'PERMISSIVE' } } },
    };
    const policies = parsed(objects.PeerAuthentication, [...bank.peerAuthentications, own]);
    const { modes } = mutualTlsPicture(healthy({ peerAuthentications: read(policies) }));
    const port = {
      port: 8080,
      mode: 'PERMISSIVE',
      level: 'port',
      decidedBy: { ...decidedBy, namespace: 'payment-prod', name: 'own' },
    };
    expect(modes.canary).toMatchObject({ kind: 'known', value: [{ mode: 'STRICT', ports: [port] }] });
    expect(modes.stable).toMatchObject({ kind: 'known', value: [{ mode: 'STRICT', ports: [] }] });
  });

  it('says the share of plaintext by source, the most first', () => {
    const order = {
      workload: 'order-service',
      namespace: 'order-prod',
      principal: null,
      requestsPerSecond: 75,
      plaintextPerSecond: 0,
    };
    const batch = {
      ...order,
      workload: 'batch',
      namespace: 'legacy',
      requestsPerSecond: 25,
      plaintextPerSecond: 20,
    };
    const { plaintext } = mutualTlsPicture(healthy({ callers: read([order, batch]) }));
    expect(plaintext).toEqual({
      kind: 'known',
      value: {
        ratio: 0.2,
        sources: [
          {
            workload: 'batch',
            namespace: 'legacy',
            requestsPerSecond: 25,
            plaintextPerSecond: 20,
            plaintextRatio: 0.8,
          },
          {
            workload: 'order-service',
            namespace: 'order-prod',
            requestsPerSecond: 75,
            plaintextPerSecond: 0,
            plaintextRatio: 0,
          },
        ],
      },
    });
  });

  it('says how long each certificate is still valid, the shortest first', () => {
    const { certificates } = mutualTlsPicture(
      healthy({
        proxyCertificates: read({
          ttl: 86_400,
          pods: [
            { pod: 'a', arm: 'stable' as const, secondsLeft: 60_000 },
            { pod: 'b', arm: 'canary' as const, secondsLeft: 300 },
          ],
        }),
      }),
    );
    expect(certificates).toMatchObject({
      kind: 'known',
      value: { ttl: 86_400, pods: [{ pod: 'b' }, { pod: 'a' }] },
    });
  });

  it('says why a part is unknown, and still says the others', () => {
    const partly = read(parsed(objects.PeerAuthentication, bank.peerAuthentications), [
      'payment-prod: forbidden',
    ]);
    const picture = mutualTlsPicture(
      healthy({
        peerAuthentications: partly,
        callers: unread('no metrics'),
        proxyCertificates: unread('no gauge'),
      }),
    );
    expect(picture.modes.canary).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining('forbidden'),
    });
    expect(picture.plaintext).toEqual({ kind: 'unknown', why: 'no metrics', mend: 'let canaryd read it' });
    expect(picture.certificates).toMatchObject({ kind: 'unknown', why: 'no gauge' });
    expect(mutualTlsPicture(healthy({ callers: unread('no metrics') })).modes.stable.kind).toBe('known');
  });

  it('is unknown for plaintext without its label, and for the modes of a host outside of the cluster', () => {
    const outside = { ...subjectWith().canary, podLabels: null };
    const picture = mutualTlsPicture(
      healthy({ metricLabels: read(['le']), subject: subjectWith({ canary: outside }) }),
    );
    expect(picture.plaintext.kind).toBe('unknown');
    expect(picture.modes.canary.kind).toBe('unknown');
    expect(picture.modes.stable.kind).toBe('known');
  });

  it('has no share of plaintext where nobody calls', () => {
    expect(mutualTlsPicture(healthy({ callers: read([]) })).plaintext).toEqual({
      kind: 'known',
      value: { ratio: null, sources: [] },
    });
  });
});
