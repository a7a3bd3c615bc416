import { describe, expect, it } from 'vitest';
import type { PodImages } from '../../src/rollout/ports/mesh.ts';
import { Pod } from '../../src/traffic/cluster-objects.ts';
import { imagesOf, type Templates, templatesOf } from '../../src/traffic/images.ts';

const labels = { app: 'payment', version: 'v2' };
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const noTemplates: Templates = new Map();
const templates = templatesOf([
  { metadata: { name: 'payment-v2-abc' }, spec: { template: { spec: { containers: [{ name: 'app' }] } } } },
]);

/** A pod as the API server shows it; `running` is the imageID of each container. */
function pod(running: Record<string, string>, metadata: object = {}, ready = 'True'): Pod {
  const names = Object.keys(running);
  return Pod.parse({
    metadata: {
      labels: { ...labels, 'pod-template-hash': 'abc' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'payment-v2-abc', controller: true }],
      ...metadata,
    },
    spec: { containers: names.map((name) => ({ name })) },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready }],
      containerStatuses: names.map((name) => ({ name, imageID: running[name] })),
    },
  });
}

function imagesIn(one: Pod, known = templates): PodImages | undefined {
  const images = imagesOf([one], labels, known);
  return images.kind === 'known' ? images.pods[0] : undefined;
}

describe('what a pod runs', () => {
  it('is the digest of each container of its own template, and the template that it came from', () => {
    const proxied = pod({ app: `docker.io/shop/payment@${digest('a')}`, 'istio-proxy': digest('b') });
    expect(imagesIn(proxied)).toEqual({ templateHash: 'abc', ready: true, digests: { app: digest('a') } });
  });

  it.each([
    ['a registry and a name', `registry.test:5000/shop/payment@${digest('c')}`],
    ['a name alone', `payment@${digest('c')}`],
    ['an image that was never pulled by digest', digest('c')],
    ['an older runtime', `docker-pullable://shop/payment@${digest('c')}`],
    ['an older runtime and no registry', `docker://${digest('c')}`],
  ])('is read from %s', (_name, imageId) => {
    expect(imagesIn(pod({ app: imageId }))?.digests).toEqual({ app: digest('c') });
  });

  it.each([
    ['while its image is being pulled', ''],
    ['when the runtime names no digest', 'shop/payment:latest'],
  ])('has no digest %s, and the pod is not ready', (_name, imageId) => {
    expect(imagesIn(pod({ app: imageId }))).toMatchObject({ ready: false, digests: {} });
  });

  it('makes a pod that is not ready no readier', () => {
    expect(imagesIn(pod({ app: digest('a') }, {}, 'False'))).toMatchObject({ ready: false });
  });

  it('makes a pod not ready that shows no status of a container of its template', () => {
    expect(imagesIn(pod({ 'istio-proxy': digest('b') }))).toMatchObject({ ready: false, digests: {} });
  });

  it('names the revision of a StatefulSet or a DaemonSet, and nothing where there is none', () => {
    const revised = { labels: { ...labels, 'controller-revision-hash': 'r7' } };
    expect(imagesIn(pod({ app: digest('a') }, revised))?.templateHash).toBe('r7');
    expect(imagesIn(pod({ app: digest('a') }, { labels }))?.templateHash).toBeNull();
  });

  it('is not asked of pods that leave, that have ended or that belong to another version', () => {
    const leaving = pod({ app: digest('a') }, { labels, deletionTimestamp: '2026-01-01T00:00:00Z' });
    const ended = { ...pod({ app: digest('a') }), status: { phase: 'Failed' } };
    const other = pod({ app: digest('a') }, { labels: { ...labels, version: 'v1' } });
    expect(imagesOf([leaving, ended, other], labels, templates)).toEqual({ kind: 'known', pods: [] });
  });
});

describe('injected containers', () => {
  const containers = { app: digest('a'), vault: digest('d'), 'istio-proxy': digest('b') };
  const injected = (status: string) => ({ annotations: { 'sidecar.istio.io/status': status } });

  it('are left out by what the template names', () => {
    expect(imagesIn(pod(containers))?.digests).toEqual({ app: digest('a') });
  });

  it('are left out by what the injector wrote down when the template is not known', () => {
    const status = '{"containers":["istio-proxy","vault"],"initContainers":["istio-init"]}';
    const unowned = { ...injected(status), labels, ownerReferences: [] };
    expect(imagesIn(pod(containers, unowned))?.digests).toEqual({ app: digest('a') });
    const foreign = {
      ...unowned,
      ownerReferences: [{ kind: 'Job', name: 'payment-v2-abc', controller: true }],
    };
    expect(imagesIn(pod(containers, foreign))?.digests).toEqual({ app: digest('a') });
  });

  it.each([
    '',
    'null',
    '{"containers":7}',
    '{"revision":"default"}',
  ])('are at least the sidecar when the injector wrote %j', (status) => {
    const { app, vault } = containers;
    expect(imagesIn(pod(containers, { ...injected(status), labels }), noTemplates)?.digests).toEqual({
      app,
      vault,
    });
  });

  it('stay out when the template adjusts them by their name', () => {
    const adjusting = new Map([['payment-v2-abc', ['app', 'istio-proxy']]]);
    expect(imagesIn(pod(containers), adjusting)?.digests).toEqual({ app: digest('a') });
  });

  it('are the workload itself where there is nothing else, as in a gateway', () => {
    expect(imagesIn(pod({ 'istio-proxy': digest('b') }), noTemplates)?.digests).toEqual({
      'istio-proxy': digest('b'),
    });
  });
});

describe('templates', () => {
  it('are known of ReplicaSets that show one', () => {
    expect(templatesOf([{ metadata: { name: 'bare' }, spec: {} }])).toEqual(new Map());
    expect(templates).toEqual(new Map([['payment-v2-abc', ['app']]]));
  });
});
