import { z } from 'zod';
import { type GitOps, healerIn, type Mover } from '../rollout/mover.ts';

type Marked = { metadata: { [field: string]: unknown } };
type Marks = Record<string, string>;

const Texts = z.record(z.string(), z.string()).catch({});

/**
 * The GitOps tool whose marks an object bears, or that wrote its routes last; null when there is none, and when a mark
 * says that the tool leaves the object alone.
 */
export function gitOpsOf(object: Marked, movedBy: Mover | null): GitOps | null {
  const marks = {
    ...Texts.parse(object.metadata['labels'] ?? {}),
    ...Texts.parse(object.metadata['annotations'] ?? {}),
  };
  const marked = tools.map((find) => find(marks)).find((found) => found !== null) ?? null;
  return healerIn({ movedBy, gitOps: marked }) ?? marked;
}

/** The first of them counts: an application of Argo CD may hold the objects of a Helm chart. */
const tools: ((marks: Marks) => GitOps | null)[] = [argoCd, flux, fluxHelm, configSync, fleet];

/**
 * `<application>:<group>/<kind>:<namespace>/<name>`, or the name of the application alone in a label of older ways.
 * https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
 */
function argoCd(marks: Marks): GitOps | null {
  const name = marks['argocd.argoproj.io/tracking-id']?.split(':')[0] ?? marks['argocd.argoproj.io/instance'];
  return name === undefined ? null : found('argoCd', name);
}

/** https://fluxcd.io/flux/components/kustomize/kustomizations/ */
function flux(marks: Marks): GitOps | null {
  const group = 'kustomize.toolkit.fluxcd.io';
  const leavesAlone =
    /^(ifnotpresent|ignore)$/i.test(marks[`${group}/ssa`] ?? '') ||
    marks[`${group}/reconcile`]?.toLowerCase() === 'disabled';
  return leavesAlone ? null : fluxIn(marks, group, 'flux');
}

/** https://fluxcd.io/flux/components/helm/helmreleases/ */
function fluxHelm(marks: Marks): GitOps | null {
  return fluxIn(marks, 'helm.toolkit.fluxcd.io', 'fluxHelm');
}

function fluxIn(marks: Marks, group: string, tool: GitOps['tool']): GitOps | null {
  const name = marks[`${group}/name`];
  if (name === undefined) return null;
  const namespace = marks[`${group}/namespace`];
  return found(tool, namespace === undefined ? name : `${namespace}/${name}`);
}

/** https://cloud.google.com/kubernetes-engine/enterprise/config-sync/docs/reference/labels-and-annotations */
function configSync(marks: Marks): GitOps | null {
  const isManaged = marks['configmanagement.gke.io/managed'] === 'enabled';
  const leavesAlone = marks['client.lifecycle.config.k8s.io/mutation'] === 'ignore';
  return isManaged && !leavesAlone ? found('configSync', '') : null;
}

function fleet(marks: Marks): GitOps | null {
  const id = marks['objectset.rio.cattle.io/id'];
  return id === undefined ? null : found('fleet', id);
}

function found(tool: GitOps['tool'], name: string): GitOps {
  return { tool, name: name === '' ? null : name.replaceAll(/[^\w./-]/g, '?').slice(0, 253) };
}
