import type { VirtualService } from '../objects.ts';
import { routeOwners } from '../route-owners.ts';
import { nameOf } from '../select.ts';

/** What brings an object back to what Git says, as its marks and the owners of its routes tell. */
export type Tool =
  /** `application` is null where only the field manager is known. */
  | { kind: 'argoCd'; application: string | null; mark: string }
  /** It corrects whatever differs, each time that it looks. */
  | { kind: 'heals'; tool: string; mark: string; mend: string }
  /** It may be set up so that it does. */
  | { kind: 'mayHeal'; tool: string; mark: string; mend: string };

type Marks = Readonly<Record<string, string | undefined>>;

/** All tools that an object bears marks of. */
export function toolsOf(object: VirtualService): Tool[] {
  const { labels, annotations } = object.metadata;
  const marks: Marks = { ...labels, ...annotations };
  const owners = routeOwners(object.metadata).map(({ manager }) => manager);
  return [
    argoCd(object, marks, owners),
    flux(object, marks, owners),
    fluxHelm(object, marks, owners),
    configSync(object, marks, owners),
    fleet(marks, owners),
  ].flat();
}

/**
 * The id names the object that it is meant for: on a copy it means nothing.
 * Source: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
 */
function argoCd({ metadata }: VirtualService, marks: Marks, owners: readonly string[]): Tool[] {
  const id = marks['argocd.argoproj.io/tracking-id'];
  const [application, , place] = id?.split(':') ?? [];
  if (application !== undefined && place === nameOf(metadata)) {
    return [{ kind: 'argoCd', application, mark: `argocd.argoproj.io/tracking-id: ${id}` }];
  }
  const label = marks['argocd.argoproj.io/instance'];
  if (label !== undefined) {
    return [{ kind: 'argoCd', application: label, mark: `argocd.argoproj.io/instance: ${label}` }];
  }
  const manager = owners.find((one) => one.startsWith('argocd-'));
  return manager === undefined ? [] : [{ kind: 'argoCd', application: null, mark: owned(manager) }];
}

function owned(manager: string): string {
  return `its routes belong to the field manager ${manager}`;
}

/** Source: https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources */
function flux({ metadata }: VirtualService, marks: Marks, owners: readonly string[]): Tool[] {
  const group = 'kustomize.toolkit.fluxcd.io';
  const isLeft =
    /^(ifnotpresent|ignore)$/i.test(marks[`${group}/ssa`] ?? '') ||
    marks[`${group}/reconcile`]?.toLowerCase() === 'disabled';
  const mark = markOf(marks, `${group}/name`, owners, 'kustomize-controller');
  if (isLeft || mark === null) return [];
  const mend = `annotate it in Git with ${group}/ssa: IfNotPresent, or for one rollout: kubectl -n ${metadata.namespace} annotate virtualservice ${metadata.name} ${group}/reconcile=disabled`;
  return [{ kind: 'heals', tool: 'Flux (Kustomization)', mark, mend }];
}

/** Source: https://fluxcd.io/flux/components/helm/helmreleases/#drift-detection, off unless it is set */
function fluxHelm(_object: VirtualService, marks: Marks, owners: readonly string[]): Tool[] {
  const mark = markOf(marks, 'helm.toolkit.fluxcd.io/name', owners, 'helm-controller');
  const mend =
    'look at spec.driftDetection of its HelmRelease (kubectl get helmreleases -A); where its mode is enabled, add to spec.driftDetection.ignore the path /spec/http for the kind VirtualService';
  return mark === null ? [] : [{ kind: 'mayHeal', tool: 'Flux (HelmRelease)', mark, mend }];
}

/** Source: https://cloud.google.com/kubernetes-engine/enterprise/config-sync/docs/reference/labels-and-annotations */
function configSync({ metadata }: VirtualService, marks: Marks, owners: readonly string[]): Tool[] {
  const isLeft = marks['client.lifecycle.config.k8s.io/mutation'] === 'ignore';
  const isManaged = marks['configmanagement.gke.io/managed'] === 'enabled' || owners.includes('configsync');
  if (isLeft || !isManaged) return [];
  const mark = 'configmanagement.gke.io/managed: enabled';
  const mend = `annotate ${nameOf(metadata)} in Git with client.lifecycle.config.k8s.io/mutation: ignore`;
  return [{ kind: 'heals', tool: 'Config Sync', mark, mend }];
}

/** Source: https://fleet.rancher.io/bundle-diffs (correctDrift, off unless it is set) */
function fleet(marks: Marks, owners: readonly string[]): Tool[] {
  const mark = markOf(marks, 'objectset.rio.cattle.io/id', owners, 'fleetagent');
  const mend = 'set correctDrift.enabled to false in its fleet.yaml (kubectl get gitrepos -A)';
  return mark === null ? [] : [{ kind: 'mayHeal', tool: 'Rancher Fleet', mark, mend }];
}

function markOf(marks: Marks, key: string, owners: readonly string[], manager: string): string | null {
  const value = marks[key];
  if (value !== undefined) return `${key}: ${value}`;
  return owners.includes(manager) ? owned(manager) : null;
}
