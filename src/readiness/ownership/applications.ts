import type { Judgement } from '../finding.ts';
import { unknown } from '../judgement.ts';
import type { GitOpsApplication, VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';

/**
 * Those of Argo CD that may own an object. A hub lists the objects of many clusters, and the same name may stand in
 * several of them.
 */
type Owners =
  | { kind: 'one'; application: GitOpsApplication }
  /** `mayBeElsewhere`: they write to clusters that may all be others. */
  | { kind: 'several'; applications: readonly GitOpsApplication[]; mayBeElsewhere: boolean }
  /** A mark names one that was not read; `listing` list an object of this name. */
  | { kind: 'notRead'; named: string; listing: readonly GitOpsApplication[] }
  | { kind: 'none' };

/**
 * The Application that a mark names, in its own namespace (`namespace_name`) or Argo CD's. Without such a mark those that
 * list the object: of these the one that an older mark names, or those that write to the cluster they stand in.
 * @param named what a mark of Argo CD says, or null
 */
export function ownersOf(
  { metadata }: VirtualService,
  named: string | null,
  applications: readonly GitOpsApplication[],
): Owners {
  const listing = applications.filter(({ status }) =>
    (status?.resources ?? []).some(
      ({ kind, name, namespace }) =>
        kind === 'VirtualService' && name === metadata.name && namespace === metadata.namespace,
    ),
  );
  if (named !== null) {
    const meant = applications.filter((one) => isCalled(one, named));
    if (meant.length === 0) return { kind: 'notRead', named, listing };
    return ownersAmong(narrowed(meant, (one) => listing.includes(one)));
  }
  const older = metadata.labels?.['app.kubernetes.io/instance'];
  const marked = listing.filter((one) => older !== undefined && isCalled(one, older));
  if (marked.length > 0) return ownersAmong(marked);
  const here = narrowed(listing, (one) => !mayBeElsewhere(one));
  return ownersAmong(here, here.some(mayBeElsewhere));
}

function ownersAmong(applications: readonly GitOpsApplication[], areDoubtful = false): Owners {
  const [application] = applications;
  if (application === undefined) return { kind: 'none' };
  if (applications.length === 1 && !areDoubtful) return { kind: 'one', application };
  return { kind: 'several', applications, mayBeElsewhere: areDoubtful };
}

function isCalled({ metadata }: GitOpsApplication, named: string): boolean {
  return [metadata.name, `${metadata.namespace}_${metadata.name}`].includes(named);
}

/** Argo CD's own cluster, which is the one whose Applications were read, has names that stand for no other. */
function mayBeElsewhere({ spec }: GitOpsApplication): boolean {
  const { server, name } = spec.destination ?? {};
  if (name) return name !== 'in-cluster';
  return Boolean(server) && server !== 'https://kubernetes.default.svc';
}

/** Those of which it holds, or all where it holds of none. */
function narrowed(
  applications: readonly GitOpsApplication[],
  holds: (one: GitOpsApplication) => boolean,
): readonly GitOpsApplication[] {
  const some = applications.filter(holds);
  return some.length > 0 ? some : applications;
}

/** Their names, for people. */
export function namesOf(applications: readonly GitOpsApplication[]): string {
  return applications
    .map(({ metadata }) => nameOf(metadata))
    .toSorted()
    .join(', ');
}

/**
 * What all of these come to, by what each alone would; where they differ nobody knows which of them owns the object,
 * nor does anybody where all of them may be for objects of the same name in other clusters.
 */
export function judgeSeveral(
  { metadata }: VirtualService,
  { applications, mayBeElsewhere: areDoubtful }: Extract<Owners, { kind: 'several' }>,
  judge: (one: GitOpsApplication) => Judgement[],
): Judgement[] {
  const judged = applications.map(judge);
  const [first = []] = judged;
  const isOne = new Set(judged.map((ones) => JSON.stringify(ones.map(weightOf)))).size === 1;
  if (isOne && (first.length === 0 || !areDoubtful)) return first;
  const names = applications.length === 1 ? 'the Application' : 'the Applications';
  const why = isOne ? 'which may write to another cluster' : 'which treat its weights differently';
  return [
    unknown(
      `${nameOf(metadata)} is listed by ${names} ${namesOf(applications)} of Argo CD, ${why}, and no mark of it names one`,
      'see which of them writes to this cluster (kubectl get applications.argoproj.io -A -o custom-columns=NAME:.metadata.name,SERVER:.spec.destination.server,CLUSTER:.spec.destination.name,HEALS:.spec.syncPolicy.automated.selfHeal), or have Argo CD track by annotation (application.resourceTrackingMethod: annotation in argocd-cm), which names its Application',
    ),
  ];
}

function weightOf(one: Judgement): string {
  return one.result === 'fail' ? one.severity : one.result;
}

/** What is said where none of them was read. @param mark what tells that Argo CD owns the object */
export function applicationNotRead({ metadata }: VirtualService, mark: string, owners: Owners): Judgement {
  const named = owners.kind === 'notRead' ? ` ${owners.named}` : '';
  const listing = owners.kind === 'notRead' ? owners.listing : [];
  const others =
    listing.length === 0
      ? ''
      : `; of those that were, ${namesOf(listing)} list an object of its name, maybe of another cluster`;
  return unknown(
    `${nameOf(metadata)} belongs to Argo CD (${mark}), and its Application${named} is not among those that were read${others}`,
    `let canaryd list applications (argoproj.io) in Argo CD's namespace, or look yourself whether it heals: kubectl get applications.argoproj.io -A -o custom-columns=NAME:.metadata.name,HEALS:.spec.syncPolicy.automated.selfHeal`,
  );
}
