import { z } from 'zod';
import type { Deployment, Namespace, Pod } from '../readiness/objects.ts';
import type { Arm, Fact } from '../readiness/snapshot.ts';

/** An installation of Istio that may be that of a service. `doubt`: why it is not certain; null when it is. */
type Candidate = { revision: string; doubt: string | null };

/** Which installations may be that of a service, the likeliest first; the first that is there counts. */
export type Revision = {
  tries: readonly [Candidate, ...Candidate[]];
  /** What makes it certain, or finds one that is not there. */
  mend: string;
};

/** The name of an installation without a revision, and of the tag that `istio-injection=enabled` stands for. */
export const defaultRevision = 'default';

type Sources = {
  /** The namespace of istiod. */
  installed: string;
  /** Those of both versions; null where nobody asked for pods. */
  pods: Fact<Pod[]> | null;
  /** Asked for where the pods do not tell. */
  namespace: () => Promise<Fact<Namespace[]>>;
  istiods: () => Promise<Fact<Deployment[]>>;
};

/**
 * The revision that the proxies of a service have. The injector writes it on each pod. Where no pod tells it is that of
 * the namespace's label, which may be a tag: what a tag stands for is known of a webhook's configuration alone.
 * `istio-injection=enabled`, `istio.io/rev=default` and no label at all stand for the tag `default`, which is the
 * installation without a revision unless somebody moved it.
 * Sources: https://istio.io/latest/docs/setup/upgrade/canary/ (stable revision labels, default tag) and, for what is
 * written on pods, SidecarInjectionStatus in https://github.com/istio/istio/blob/master/pkg/kube/inject/inject.go
 */
export async function revisionFor(arms: readonly [Arm, Arm], sources: Sources): Promise<Revision> {
  const [{ service }] = arms;
  const ofPods = sources.pods === null ? [] : revisionsOfPods(arms, sources.pods);
  const [first, ...others] = ofPods;
  if (first !== undefined) {
    const many = `the proxies of ${service.name} come from several revisions of Istio (${ofPods.join(', ')})`;
    return {
      tries: [{ revision: first, doubt: others.length === 0 ? null : many }],
      mend: `make the pods anew, so that all have one that is installed: kubectl -n ${service.namespace} rollout restart deployment NAME; those that are: ${look(sources)}`,
    };
  }
  const [namespace, istiods] = await Promise.all([sources.namespace(), sources.istiods()]);
  return { tries: byLabel(service.namespace, namespace, runningIn(istiods)), mend: mendOf(service, sources) };
}

function mendOf({ namespace }: Arm['service'], sources: Sources): string {
  return `let the namespace name a revision that runs (kubectl label namespace ${namespace} istio-injection- istio.io/rev=REVISION --overwrite, since istio-injection outweighs it), and make its pods anew; those that run: ${look(sources)}`;
}

function look({ installed }: Sources): string {
  return `kubectl -n ${installed} get deployments -l app=istiod -L istio.io/rev`;
}

function byLabel(
  name: string,
  namespace: Fact<Namespace[]>,
  running: readonly string[] | null,
): Revision['tries'] {
  if (namespace.kind === 'unread') {
    const doubt = `${namespace.why}: which revision of Istio it follows is not known`;
    return [{ revision: defaultRevision, doubt }];
  }
  const followed = labelledRevision(namespace.value);
  const doubt = `${name} follows ${followed}, and which revision of Istio that is is not known${among(running)}`;
  if (running === null) return unseen(followed, doubt);
  if (running.length === 0) return unseen(followed, followed === defaultRevision ? null : doubt);
  if (running.includes(followed)) return [{ revision: followed, doubt: null }];
  const [only = defaultRevision] = running;
  if (running.length > 1) return [{ revision: defaultRevision, doubt }];
  // There is no other that the default tag could stand for; of another label nobody knows whether it is a tag.
  return [{ revision: only, doubt: followed === defaultRevision ? null : doubt }];
}

/** Where nobody saw what runs, an installation by the name of a label is that of the label. */
function unseen(followed: string, doubt: string | null): Revision['tries'] {
  const byDefault = { revision: defaultRevision, doubt };
  return followed === defaultRevision ? [byDefault] : [{ revision: followed, doubt: null }, byDefault];
}

function among(running: readonly string[] | null): string {
  if (running === null || running.length === 0) return '';
  const verb = running.length === 1 ? 'runs' : 'run';
  return ` (${running.join(', ')} ${verb}, and no pod of the service tells)`;
}

function labelledRevision(namespaces: readonly Namespace[]): string {
  const labels = namespaces[0]?.metadata.labels ?? {};
  // The older label wins.
  if (labels['istio-injection'] !== undefined) return defaultRevision;
  return labels['istio.io/rev'] || defaultRevision;
}

/**
 * Those of Deployments that are not scaled to nothing; an unlabelled one is known by its name. Null where nobody knows
 * what runs.
 */
function runningIn(istiods: Fact<Deployment[]>): string[] | null {
  if (istiods.kind === 'unread') return null;
  const revisions = istiods.value.filter(({ spec }) => spec.replicas !== 0).map(revisionOfIstiod);
  return revisions.includes('') ? null : [...new Set(revisions)].toSorted();
}

function revisionOfIstiod({ metadata }: Deployment): string {
  const label = metadata.labels?.['istio.io/rev'];
  return label ?? (metadata.name === 'istiod' ? defaultRevision : '');
}

/** What the injector wrote on the pods of these arms, those of the first arm first; each once. */
function revisionsOfPods(arms: readonly [Arm, Arm], pods: Fact<Pod[]>): string[] {
  if (pods.kind === 'unread') return [];
  const found = arms.flatMap((arm) => pods.value.filter((pod) => isServing(pod, arm)).flatMap(revisionOfPod));
  return [...new Set(found)];
}

/** An evicted pod, or one that goes away, stays in the list. */
function isServing({ metadata, status }: Pod, { service, podLabels }: Arm): boolean {
  if (podLabels === null || metadata.namespace !== service.namespace || metadata.deletionTimestamp)
    return false;
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return !isOver && Object.entries(podLabels).every(([key, value]) => metadata.labels?.[key] === value);
}

const InjectionStatus = z.looseObject({ revision: z.string().min(1).optional() });

/** A label may be a tag that somebody put into the template, except on pods of injectors that write no annotation. */
function revisionOfPod({ metadata: { labels, annotations } }: Pod): string[] {
  const status = annotations?.['sidecar.istio.io/status'];
  if (status === undefined) return [];
  const read = InjectionStatus.safeParse(jsonIn(status));
  const told = read.success ? read.data.revision : undefined;
  const revision = told ?? annotations?.['istio.io/rev'] ?? labels?.['istio.io/rev'];
  return revision === undefined ? [] : [revision];
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
