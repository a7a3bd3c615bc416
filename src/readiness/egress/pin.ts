import { canonical, type Side } from '../arms.ts';
import { sorted } from '../authorization/policies.ts';
import type {
  DestinationRule,
  LabelSelector,
  Labels,
  Metadata,
  Selecting,
  Sidecar,
  VirtualService,
} from '../objects.ts';

/** One place of an object where it says for which workloads it holds. */
export type Pin = {
  kind: 'VirtualService' | 'DestinationRule' | 'Sidecar' | Selecting['kind'];
  metadata: Metadata;
  path: readonly string[];
  labels: Labels;
  /** What it does, without for whom: equal for rules that do the same. */
  does: string;
  hosts: readonly string[];
  /** True where a patch of the labels alone changes for whom it holds. */
  isPatchable: boolean;
  selectorsFor: (side: Side) => LabelSelector[];
};

type Objects = {
  virtualServices: readonly VirtualService[];
  destinationRules: readonly DestinationRule[];
  sidecars: readonly Sidecar[];
  selectors: readonly Selecting[];
};

export function pinsOf(objects: Objects, rootNamespace: string): Pin[] {
  return [
    ...sorted(objects.virtualServices).flatMap(ofVirtualService),
    ...sorted(objects.destinationRules).flatMap(ofDestinationRule),
    ...sorted(objects.sidecars).map(ofSidecar),
    ...byKind(objects.selectors).map((one) => ofSelecting(one, rootNamespace)),
  ];
}

function byKind(objects: readonly Selecting[]): Selecting[] {
  return sorted(objects).toSorted((one, other) =>
    one.kind < other.kind ? -1 : one.kind > other.kind ? 1 : 0,
  );
}

/** Labels of the source count in the mesh only, not at a gateway. */
function ofVirtualService({ metadata, spec }: VirtualService): Pin[] {
  const hosts = spec.hosts ?? [];
  const isInMesh = (gateways: readonly string[] | null | undefined) =>
    gateways === null || gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
  const isVisible = (side: Side) => isExportedTo(spec.exportTo, metadata.namespace, side.namespace);
  if (!isInMesh(spec.gateways)) return [];
  return (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
    (spec[protocol] ?? []).flatMap(({ match, ...route }, index) =>
      (match ?? []).map(({ sourceLabels, ...condition }, at): Pin => {
        const isHere = ({ namespace }: Side) =>
          !condition.sourceNamespace || condition.sourceNamespace === namespace;
        return {
          kind: 'VirtualService',
          metadata,
          path: ['spec', `${protocol}[${index}]`, `match[${at}]`, 'sourceLabels'],
          labels: sourceLabels ?? {},
          does: canonical([metadata.namespace, metadata.name, protocol, route, condition]),
          hosts,
          isPatchable: false,
          selectorsFor: (side) =>
            isInMesh(condition.gateways) && isHere(side) && isVisible(side)
              ? [{ matchLabels: sourceLabels }]
              : [],
        };
      }),
    ),
  );
}

/** True for what is exported to everybody, to this namespace by name, or to its own. */
export function isExportedTo(
  exportTo: readonly string[] | null | undefined,
  own: string | undefined,
  namespace: string,
): boolean {
  const wanted = exportTo ?? [];
  if (wanted.length === 0 || wanted.includes('*') || wanted.includes(namespace)) return true;
  return wanted.includes('.') && own === namespace;
}

/** Without a selector it holds for callers of all namespaces it is exported to, and is no pin. */
function ofDestinationRule({ metadata, spec }: DestinationRule): Pin[] {
  const { workloadSelector, ...does } = spec;
  const labels = workloadSelector?.matchLabels ?? {};
  if (Object.keys(labels).length === 0) return [];
  return [
    {
      kind: 'DestinationRule',
      metadata,
      path: ['spec', 'workloadSelector', 'matchLabels'],
      labels,
      does: canonical(['DestinationRule', does]),
      hosts: [spec.host],
      isPatchable: true,
      selectorsFor: ({ namespace }) => (metadata.namespace === namespace ? [{ matchLabels: labels }] : []),
    },
  ];
}

/** A Sidecar that selects workloads does so in its own namespace only. */
function ofSidecar({ metadata, spec }: Sidecar): Pin {
  const { workloadSelector, ...does } = spec;
  const labels = workloadSelector?.labels ?? {};
  return {
    kind: 'Sidecar',
    metadata,
    path: ['spec', 'workloadSelector', 'labels'],
    labels,
    does: canonical(['Sidecar', does]),
    hosts: [],
    isPatchable: true,
    selectorsFor: ({ namespace }) => (metadata.namespace === namespace ? [{ matchLabels: labels }] : []),
  };
}

function ofSelecting({ kind, metadata, spec }: Selecting, rootNamespace: string): Pin {
  const { selector, workloadSelector, targetRefs, ...does } = spec ?? {};
  const isEnvoyFilter = kind === 'EnvoyFilter';
  const labels = (isEnvoyFilter ? workloadSelector?.labels : selector?.matchLabels) ?? {};
  const targets = targetRefs ?? [];
  return {
    kind,
    metadata,
    path: ['spec', ...(isEnvoyFilter ? ['workloadSelector', 'labels'] : ['selector', 'matchLabels'])],
    labels,
    does: canonical([kind, does, targets.length > 0]),
    hosts: [],
    isPatchable: targets.length === 0,
    selectorsFor: (side) => {
      const isOwn = metadata.namespace === side.namespace;
      const isNamed = targets.some((target) => target.kind === 'Service' && target.name === side.service);
      if (targets.length > 0) return isOwn && isNamed ? [{}] : [];
      return isOwn || metadata.namespace === rootNamespace ? [{ matchLabels: labels }] : [];
    },
  };
}
