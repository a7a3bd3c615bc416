import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Fact, MeshConfig } from '../../src/readiness/snapshot.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import * as bank from '../readiness/bank-objects.ts';
import { type Bank, configMap, istiod, startBank, store, target } from './bank-api-server.ts';

let made: Bank;

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

/** As it is read where pods are read, too, and where they are not. */
async function meshConfig(...others: 'pods'[]): Promise<Fact<MeshConfig>> {
  const question = { target, callees: [], callers: [], wanted: new Set(['meshConfig' as const, ...others]) };
  return (await readSurroundings(made.source, question, AbortSignal.timeout(60_000))).meshConfig;
}

/** Running pods of both versions as an injector left them: `inject` says what it wrote on each. */
function injected(inject: (index: number) => { labels?: object; annotations?: object }): void {
  store(
    made,
    'pods',
    bank.pods.map((pod, index) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        labels: {
          app: 'payment-service',
          version: pod.metadata.labels?.['version'],
          ...inject(index).labels,
        },
        annotations: inject(index).annotations ?? {},
      },
    })),
  );
}

const statusOf = (revision: string) => ({
  'sidecar.istio.io/status': JSON.stringify({ containers: ['istio-proxy'], revision }),
});

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

function stopped(name: string): void {
  made.stored = made.stored.map((one) => {
    if (one.plural !== 'deployments') return one;
    const objects = one.objects.map((deployment) => {
      const { metadata, spec } = Named.parse(deployment);
      return metadata.name === name ? { ...deployment, spec: { ...spec, replicas: 0 } } : deployment;
    });
    return { ...one, objects };
  });
}

const Named = z.looseObject({ metadata: z.looseObject({ name: z.string() }), spec: z.looseObject({}) });

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
    running('1-26');
    const values = (injects: boolean) =>
      JSON.stringify({ sidecarInjectorWebhook: { enableNamespacesByDefault: injects } });
    store(made, 'configmaps', [
      configMap('istio-system', 'istio-1-26', { mesh: '' }),
      configMap('istio-system', 'istio-sidecar-injector-1-26', { values: values(true) }),
      configMap('istio-system', 'istio-sidecar-injector', { values: values(false) }),
    ]);
    expect(await meshConfig()).toMatchObject({ value: { injectsByDefault: true } });
  });

  it('is that of the only one that runs where the namespace follows a tag, and not certain', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('1-26');
    running('1-26');
    expect(await meshConfig()).toMatchObject({
      ...of('1-26'),
      gaps: [
        'payment-prod follows prod-stable, and which revision of Istio that is is not known (1-26 runs, and no pod of the service tells)',
      ],
    });
  });

  it.each<[string, Record<string, string>]>([
    ['the older label', { 'istio-injection': 'enabled' }],
    ['the label default', { 'istio.io/rev': 'default' }],
    ['no label', {}],
  ])('is that of the only one that runs, whatever was left of another: %s', async (_which, labels) => {
    labelled(labels);
    installed('default', '1-26');
    running('1-26');
    const fact = await meshConfig();
    expect(fact).toMatchObject(of('1-26'));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('is not that of an installation that is scaled to nothing', async () => {
    labelled({ 'istio-injection': 'enabled' });
    installed('default', '1-26');
    running('default', '1-26');
    stopped('istiod-default');
    const fact = await meshConfig();
    expect(fact).toMatchObject(of('1-26'));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('is in doubt where several run, none of them the default, and the namespace follows that', async () => {
    labelled({ 'istio-injection': 'enabled' });
    installed('default', '1-26', '1-27');
    running('1-26', '1-27');
    expect(await meshConfig()).toMatchObject({
      ...of('default'),
      gaps: [
        'payment-prod follows default, and which revision of Istio that is is not known (1-26, 1-27 run, and no pod of the service tells)',
      ],
    });
  });

  it('is in doubt where several run and the namespace follows a tag', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('default', '1-27');
    running('default', '1-27');
    expect(await meshConfig()).toMatchObject({
      ...of('default'),
      gaps: [
        'payment-prod follows prod-stable, and which revision of Istio that is is not known (1-27, default run, and no pod of the service tells)',
      ],
    });
  });

  it('is unread where several run, none of them without a revision, and the namespace follows a tag', async () => {
    labelled({ 'istio.io/rev': 'prod-stable' });
    installed('1-26', '1-27');
    running('1-26', '1-27');
    expect(await meshConfig()).toEqual({
      kind: 'unread',
      why: 'payment-prod follows prod-stable, and which revision of Istio that is is not known (1-26, 1-27 run, and no pod of the service tells); there is no ConfigMap istio-system/istio',
      mend: 'let the namespace name a revision that runs (kubectl label namespace payment-prod istio-injection- istio.io/rev=REVISION --overwrite, since istio-injection outweighs it), and make its pods anew; those that run: kubectl -n istio-system get deployments -l app=istiod -L istio.io/rev',
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

describe('the configuration of the mesh of a service whose pods tell their revision', () => {
  beforeEach(() => {
    labelled({ 'istio-injection': 'enabled' });
    installed('default', '1-26', '1-27');
    running('1-26', '1-27');
  });

  it.each([
    ['in the status of the injection', { annotations: statusOf('1-27') }],
    ['in an annotation', { annotations: { 'sidecar.istio.io/status': '{}', 'istio.io/rev': '1-27' } }],
    [
      'in a label, as older injectors do',
      { labels: { 'istio.io/rev': '1-27' }, annotations: { 'sidecar.istio.io/status': 'no JSON' } },
    ],
    [
      'whatever tag the template asks for',
      { labels: { 'istio.io/rev': 'prod-stable' }, annotations: statusOf('1-27') },
    ],
  ])('is that of this revision: %s', async (_where, one) => {
    injected(() => one);
    const fact = await meshConfig('pods');
    expect(fact).toMatchObject(of('1-27'));
    expect(fact).not.toHaveProperty('gaps');
  });

  it('costs no call for the namespace or for what runs', async () => {
    injected(() => ({ annotations: statusOf('1-27') }));
    await meshConfig('pods');
    expect(made.server.requests.map((one) => one.split(/[ ?]/)[1])).toEqual([
      '/api/v1/namespaces/payment-prod/pods',
      expect.stringMatching('/configmaps/istio.*-1-27$'),
      expect.stringMatching('/configmaps/istio.*-1-27$'),
    ]);
  });

  it('is in doubt where they tell several', async () => {
    injected((index) => ({ annotations: statusOf(index < 5 ? '1-26' : '1-27') }));
    expect(await meshConfig('pods')).toMatchObject({
      ...of('1-26'),
      gaps: ['the proxies of payment-service come from several revisions of Istio (1-26, 1-27)'],
    });
  });

  it('is unread where that revision is gone, with what makes the pods anew', async () => {
    injected(() => ({ annotations: statusOf('1-24') }));
    expect(await meshConfig('pods')).toMatchObject({
      kind: 'unread',
      why: 'there is no ConfigMap istio-system/istio-1-24',
      mend: expect.stringContaining('kubectl -n payment-prod rollout restart deployment NAME'),
    });
  });

  it('is that of the label where no pod was injected', async () => {
    injected(() => ({ labels: { 'istio.io/rev': '1-27' } }));
    expect(await meshConfig('pods')).toMatchObject({ gaps: [expect.stringContaining('follows default')] });
  });
});
