import { describe, expect, it } from 'vitest';
import type { Mover } from '../../src/rollout/mover.ts';
import { gitOpsOf } from '../../src/traffic/gitops-marks.ts';

type Marks = Record<string, string>;

const labelled = (labels: Marks) => ({ metadata: { labels } });
const annotated = (annotations: Marks) => ({ metadata: { annotations } });
const by = (manager: string): Mover => ({ manager, operation: 'Apply', at: null });

const kustomization = {
  'kustomize.toolkit.fluxcd.io/name': 'shop',
  'kustomize.toolkit.fluxcd.io/namespace': 'flux-system',
};

describe('the marks of a GitOps tool', () => {
  it.each([
    [
      'Argo CD by its tracking annotation',
      annotated({ 'argocd.argoproj.io/tracking-id': 'shop:networking.istio.io/VirtualService:shop/payment' }),
      { tool: 'argoCd', name: 'shop' },
    ],
    [
      'Argo CD by its label',
      labelled({ 'argocd.argoproj.io/instance': 'shop' }),
      { tool: 'argoCd', name: 'shop' },
    ],
    ['a Kustomization of Flux', labelled(kustomization), { tool: 'flux', name: 'flux-system/shop' }],
    [
      'a HelmRelease of Flux',
      labelled({ 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' }),
      { tool: 'fluxHelm', name: 'apps/shop' },
    ],
    [
      'Config Sync',
      annotated({ 'configmanagement.gke.io/managed': 'enabled' }),
      { tool: 'configSync', name: null },
    ],
    [
      'Rancher Fleet',
      annotated({ 'objectset.rio.cattle.io/id': 'default-shop' }),
      { tool: 'fleet', name: 'default-shop' },
    ],
  ])('name %s', (_name, object, expected) => {
    expect(gitOpsOf(object, null)).toEqual(expected);
  });

  it.each([
    ['there are none', { metadata: {} }],
    ['a chart only says who installed it', labelled({ 'app.kubernetes.io/instance': 'shop' })],
    ['Helm alone installed it', annotated({ 'meta.helm.sh/release-name': 'shop' })],
    [
      'Flux creates it and leaves it alone',
      {
        metadata: {
          labels: kustomization,
          annotations: { 'kustomize.toolkit.fluxcd.io/ssa': 'IfNotPresent' },
        },
      },
    ],
    [
      'Flux ignores it',
      { metadata: { labels: kustomization, annotations: { 'kustomize.toolkit.fluxcd.io/ssa': 'ignore' } } },
    ],
    [
      'Flux is told to stay away',
      {
        metadata: {
          labels: kustomization,
          annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' },
        },
      },
    ],
    ['Config Sync is told to stay away', annotated({ 'configmanagement.gke.io/managed': 'disabled' })],
    [
      'Config Sync ignores mutations',
      annotated({
        'configmanagement.gke.io/managed': 'enabled',
        'client.lifecycle.config.k8s.io/mutation': 'ignore',
      }),
    ],
    ['labels are nonsense', { metadata: { labels: ['argocd.argoproj.io/instance'], annotations: 3 } }],
  ])('are not there when %s', (_name, object) => {
    expect(gitOpsOf(object, by('kubectl-edit'))).toBeNull();
  });
});

describe('a writer that is a GitOps controller', () => {
  it.each([
    ['argocd-controller', 'argoCd'],
    ['argocd-application-controller', 'argoCd'],
    ['kustomize-controller', 'flux'],
    ['helm-controller', 'fluxHelm'],
    ['configsync', 'configSync'],
  ])('%s is known without any mark', (manager, tool) => {
    expect(gitOpsOf({ metadata: {} }, by(manager))).toEqual({ tool, name: null });
  });

  it('has the name that its marks give', () => {
    expect(gitOpsOf(labelled(kustomization), by('kustomize-controller'))).toEqual({
      tool: 'flux',
      name: 'flux-system/shop',
    });
  });

  it('counts for more than the marks of another tool', () => {
    expect(gitOpsOf(labelled(kustomization), by('argocd-controller'))).toEqual({
      tool: 'argoCd',
      name: null,
    });
  });
});
