import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fact, MeshConfig } from '../../src/readiness/snapshot.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import { type Bank, configMap, istiod, startBank, store, target } from './bank-api-server.ts';

let made: Bank;

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

async function meshConfig(): Promise<Fact<MeshConfig>> {
  const question = { target, callees: [], wanted: new Set(['meshConfig'] as const) };
  return (await readSurroundings(made.source, question, AbortSignal.timeout(60_000))).meshConfig;
}

function labelled(labels: Record<string, string>): void {
  store(made, 'namespaces', [{ metadata: { name: 'payment-prod', labels } }]);
}

/** Installations, each with a trust domain of its own name; the one without a revision is called default. */
function installed(...revisions: string[]): void {
  const suffix = (revision: string) => (revision === 'default' ? '' : `-${revision}`);
  store(
    made,
    'configmaps',
    revisions.map((one) =>
      configMap('istio-system', `istio${suffix(one)}`, { mesh: `trustDomain: ${one}\n` }),
    ),
  );
}

function running(...revisions: string[]): void {
  const deployments = revisions.map((revision) => {
    const one = istiod('1.26.1', `istiod-${revision}`);
    return { ...one, metadata: { ...one.metadata, labels: { app: 'istiod', 'istio.io/rev': revision } } };
  });
  store(made, 'deployments', deployments);
}

const of = (trustDomain: string) => ({ kind: 'read', value: { trustDomain } });

describe('the configuration of a mesh with revisions', () => {
  it.each<[string, Record<string, string>, string]>([
    ['that the namespace names', { 'istio.io/rev': '1-26' }, '1-26'],
    ['without a revision where it is called default', { 'istio.io/rev': 'default' }, 'default'],
    ['without a revision where the namespace names none', {}, 'default'],
    [
      'without a revision where the older label wins',
      { 'istio-injection': 'enabled', 'istio.io/rev': '1-26' },
      'default',
    ],
  ])('is the one %s', async (_which, labels, expected) => {
    labelled(labels);
    installed('default', '1-26');
    running('default', '1-26');
    const fact = await meshConfig();
    expect(fact).toMatchObject(of(expected));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('says of its own injector whether namespaces are injected by themselves', async () => {
    labelled({ 'istio.io/rev': '1-26' });
    const values = (injects: boolean) =>
      JSON.stringify({ sidecarInjectorWebhook: { enableNamespacesByDefault: injects } });
    store(made, 'configmaps', [
      configMap('istio-system', 'istio-1-26', { mesh: '' }),
      configMap('istio-system', 'istio-sidecar-injector-1-26', { values: values(true) }),
      configMap('istio-system', 'istio-sidecar-injector', { values: values(false) }),
    ]);
    expect(await meshConfig()).toMatchObject({ value: { injectsByDefault: true } });
  });

  it('is that of the only one that runs where the namespace follows a tag: it can mean no other', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('1-26');
    running('1-26');
    const fact = await meshConfig();
    expect(fact).toMatchObject(of('1-26'));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('is in doubt where several run and the namespace follows a tag', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('default', '1-27');
    running('default', '1-27');
    expect(await meshConfig()).toMatchObject({
      ...of('default'),
      gaps: [
        'payment-prod follows prod-stable, and which revision of Istio that is is not known (1-27, default run)',
      ],
    });
  });

  it('is unread where several run, none of them without a revision, and the namespace follows a tag', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('1-26', '1-27');
    running('1-26', '1-27');
    expect(await meshConfig()).toEqual({
      kind: 'unread',
      why: 'payment-prod follows prod-stable, and which revision of Istio that is is not known (1-26, 1-27 run); there is no ConfigMap istio-system/istio',
      mend: 'label it with the revision itself, not with a tag: istioctl tag list, kubectl -n istio-system get deployments -l app=istiod -L istio.io/rev',
    });
  });

  it('is found by the name of the label where nobody knows what runs', async () => {
    labelled({ 'istio.io/rev': '1-26' });
    installed('default', '1-26');
    made.forbidden = ({ plural }) => plural === 'deployments';
    const fact = await meshConfig();
    expect(fact).toMatchObject(of('1-26'));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('is in doubt where nobody knows what runs and there is none of that name', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('default');
    made.forbidden = ({ plural }) => plural === 'deployments';
    expect(await meshConfig()).toMatchObject({
      ...of('default'),
      gaps: ['payment-prod follows prod-stable, and which revision of Istio that is is not known'],
    });
  });

  it('is in doubt where canaryd may not read the label', async () => {
    made.forbidden = ({ plural }) => plural === 'namespaces';
    expect(await meshConfig()).toMatchObject({
      kind: 'read',
      gaps: [
        'canaryd may not read the Namespace payment-prod: which revision of Istio it follows is not known',
      ],
    });
  });

  it('is unread, with the name that is missing in the Role, where canaryd may not read it', async () => {
    labelled({ 'istio.io/rev': '1-26' });
    running('1-26');
    made.forbidden = ({ name }) => name === 'istio-1-26';
    expect(await meshConfig()).toMatchObject({
      kind: 'unread',
      mend: expect.stringContaining('resources: [configmaps], resourceNames: [istio-1-26], verbs: [get]'),
    });
  });
});
