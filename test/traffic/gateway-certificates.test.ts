import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fact, GatewayCertificate } from '../../src/readiness/snapshot.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import * as bank from '../readiness/bank-objects.ts';
import { read } from '../readiness/healthy.ts';
import { type Bank, startBank, store, target } from './bank-api-server.ts';

let made: Bank;

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

const cards = { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client' };
const secret = 'it is in a Secret, which canaryd never reads; ';

async function certificates(): Promise<Fact<GatewayCertificate[]>> {
  const question = { target, callees: [], callers: [], wanted: new Set(['gatewayCertificates'] as const) };
  return (await readSurroundings(made.source, question, AbortSignal.timeout(60_000))).gatewayCertificates;
}

const noon = Date.UTC(2027, 1, 1, 12);
const issued = { notAfter: '2027-02-01T12:00:00Z', renewalTime: '2027-01-01T12:00:00Z' };

/** A Certificate as cert-manager shows it. */
function certificate(namespace: string, name: string, status: object | null = issued) {
  return {
    metadata: { namespace, name },
    spec: {
      secretName: 'cards-client',
      dnsNames: ['cards.bank.example.com'],
      issuerRef: { name: 'bank-ca' },
    },
    ...(status === null ? {} : { status: { ...status, conditions: [{ type: 'Ready', status: 'True' }] } }),
  };
}

function keeps(...objects: object[]): void {
  made.stored.push({ api: 'apis/cert-manager.io/v1', plural: 'certificates', objects });
}

/** The gateway's pods run in another namespace, too. */
function deployAlsoIn(namespace: string): void {
  const [gateway] = bank.deployments.filter(({ metadata }) => metadata.name === 'egress-gateway');
  const other = { ...gateway, metadata: { ...gateway?.metadata, namespace } };
  store(made, 'deployments', [...bank.deployments, other]);
}

describe('the certificate that a Gateway names', () => {
  it('ends, and is renewed, when cert-manager says so of the one that it keeps in the Secret', async () => {
    keeps(certificate('istio-egress', 'cards'));
    expect(await certificates()).toEqual(
      read([{ ...cards, notAfter: noon, renewsAt: Date.UTC(2027, 0, 1, 12) }]),
    );
  });

  it('is looked for where the pods of the Gateway run, and nowhere else', async () => {
    keeps(certificate('egress-prod', 'cards'));
    expect(await certificates()).toEqual(
      read([{ ...cards, why: `${secret}no Certificate of cert-manager in istio-egress keeps it` }]),
    );
  });

  it.each<[string, object[], string]>([
    [
      'nobody issued it yet',
      [certificate('istio-egress', 'cards', null)],
      'the Certificate istio-egress/cards does not say when it ends',
    ],
    [
      'its end is no time',
      [certificate('istio-egress', 'cards', { notAfter: 'soon' })],
      'the Certificate istio-egress/cards does not say when it ends',
    ],
    [
      'two take turns in the Secret',
      [certificate('istio-egress', 'a'), certificate('istio-egress', 'b')],
      '2 Certificates of cert-manager in istio-egress keep it',
    ],
  ])('is not known where %s', async (_name, objects, why) => {
    keeps(...objects);
    expect(await certificates()).toEqual(read([{ ...cards, why: `${secret}${why}` }]));
  });

  it('is not known where there is no cert-manager', async () => {
    expect(await certificates()).toEqual(
      read([{ ...cards, why: `${secret}no Certificate of cert-manager in istio-egress keeps it` }]),
    );
  });

  it('is not known where canaryd may not list Certificates', async () => {
    keeps(certificate('istio-egress', 'cards'));
    made.forbidden = ({ plural }) => plural === 'certificates';
    expect(await certificates()).toEqual(
      read([{ ...cards, why: `${secret}canaryd may not list Certificates in istio-egress` }]),
    );
  });

  it('is not known where nobody may say in which namespace its pods run', async () => {
    keeps(certificate('istio-egress', 'cards'));
    made.forbidden = ({ plural }) => plural === 'deployments';
    const why = `${secret}of which namespace is not known: no Deployment with its labels was read`;
    expect(await certificates()).toEqual(read([{ ...cards, why }]));
    expect(made.server.requests.filter((one) => one.includes('certificates'))).toEqual([]);
  });

  it('is not known where Gateways select by more labels than canaryd asks for, and says so', async () => {
    keeps(certificate('istio-egress', 'cards'));
    const many = Array.from({ length: 11 }, (_, index) => ({
      metadata: { namespace: 'edge', name: `gw-${index}` },
      spec: {
        selector: { istio: `ingress-${index}` },
        servers: [{ hosts: ['*'], tls: { credentialName: 'edge-tls' } }],
      },
    }));
    store(made, 'gateways', many);
    const fact = await certificates();
    expect(fact.kind === 'read' && fact.value.at(-1)).toEqual({
      gateway: 'edge/gw-10',
      credentialName: 'edge-tls',
      why: `${secret}of which namespace is not known: Gateways have more than 10 selectors, and Deployments with its own were not looked for`,
    });
  });

  it('is the one that ends first where the pods run in several namespaces', async () => {
    deployAlsoIn('istio-edge');
    const later = { notAfter: '2027-03-01T12:00:00Z' };
    keeps(certificate('istio-egress', 'cards', later), certificate('istio-edge', 'cards'));
    expect(await certificates()).toMatchObject({ value: [{ ...cards, notAfter: noon }] });
  });

  it('is not known where one of several namespaces has none that is known', async () => {
    deployAlsoIn('istio-edge');
    keeps(certificate('istio-egress', 'cards'));
    expect(await certificates()).toMatchObject({
      value: [{ why: `${secret}no Certificate of cert-manager in istio-edge keeps it` }],
    });
  });

  it('is told once, however many servers of the Gateway name it, and each other one for itself', async () => {
    const server = (credentialName: string) => ({ hosts: ['a.example.com'], tls: { credentialName } });
    const servers = [server('cards-client'), server('cards-client'), server('other'), { hosts: ['b'] }];
    store(
      made,
      'gateways',
      bank.gateways.map((one) => ({ ...one, spec: { ...one.spec, servers } })),
    );
    keeps(certificate('istio-egress', 'cards'));
    expect(await certificates()).toMatchObject({
      value: [
        { ...cards, notAfter: noon },
        { gateway: cards.gateway, credentialName: 'other', why: expect.stringContaining('keeps it') },
      ],
    });
  });

  it('is none where no Gateway names one: then nobody is asked for Deployments or Certificates', async () => {
    store(made, 'gateways', []);
    expect(await certificates()).toEqual(read([]));
    expect(made.server.requests).toHaveLength(1);
  });

  it('is unread where Gateways may not be listed', async () => {
    made.forbidden = ({ plural }) => plural === 'gateways';
    expect(await certificates()).toMatchObject({
      kind: 'unread',
      why: expect.stringContaining('canaryd may not list Gateways of all namespaces'),
    });
  });
});
