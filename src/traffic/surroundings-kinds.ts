import { z } from 'zod';
import * as objects from '../readiness/objects.ts';

/** A kind that readiness reads: what people call many of them, where it is served, and what is read of each. */
export type Wanted<Item> = {
  kind: string;
  words: string;
  group: string;
  /** In the order in which they are tried. */
  versions: readonly string[];
  plural: string;
  item: z.ZodType<Item>;
};

const networking = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] };
const security = { group: 'security.istio.io', versions: ['v1', 'v1beta1'] };
const core = { group: '', versions: ['v1'] };

const gatewayApi = { group: 'gateway.networking.k8s.io', versions: ['v1', 'v1beta1'] };

function wanted<Item>(
  kind: string,
  plural: string,
  api: Pick<Wanted<Item>, 'group' | 'versions'>,
  item: z.ZodType<Item>,
): Wanted<Item> {
  const words = plural.endsWith('ies') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
  return { kind, words, plural, ...api, item };
}

const Named = z.looseObject({ metadata: objects.Metadata });

export const kinds = {
  virtualServices: wanted('VirtualService', 'virtualservices', networking, objects.VirtualService),
  destinationRules: wanted('DestinationRule', 'destinationrules', networking, objects.DestinationRule),
  gateways: wanted('Gateway', 'gateways', networking, objects.Gateway),
  serviceEntries: wanted('ServiceEntry', 'serviceentries', networking, objects.ServiceEntry),
  sidecars: wanted('Sidecar', 'sidecars', networking, objects.Sidecar),
  authorizationPolicies: wanted(
    'AuthorizationPolicy',
    'authorizationpolicies',
    security,
    objects.AuthorizationPolicy,
  ),
  peerAuthentications: wanted(
    'PeerAuthentication',
    'peerauthentications',
    security,
    objects.PeerAuthentication,
  ),
  networkPolicies: wanted(
    'NetworkPolicy',
    'networkpolicies',
    { group: 'networking.k8s.io', versions: ['v1'] },
    objects.NetworkPolicy,
  ),
  services: wanted('Service', 'services', core, objects.Service),
  endpoints: wanted(
    'EndpointSlice',
    'endpointslices',
    { group: 'discovery.k8s.io', versions: ['v1'] },
    objects.EndpointSlice,
  ),
  pods: wanted('Pod', 'pods', core, objects.Pod),
  deployments: wanted('Deployment', 'deployments', { group: 'apps', versions: ['v1'] }, objects.Deployment),
  autoscalers: wanted(
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
    { group: 'autoscaling', versions: ['v2', 'v1'] },
    objects.Autoscaler,
  ),
  // Of one its name is read, and nothing of the Secrets that it names.
  serviceAccounts: wanted(
    'ServiceAccount',
    'serviceaccounts',
    core,
    Named.transform(({ metadata }) => ({ metadata })),
  ),
  httpRoutes: wanted('HTTPRoute', 'httproutes', gatewayApi, objects.HttpRoute),
  kubernetesGateways: {
    ...wanted('Gateway', 'gateways', gatewayApi, objects.KubernetesGateway),
    words: `Gateways (${gatewayApi.group})`,
  },
  applications: wanted(
    'Application',
    'applications',
    { group: 'argoproj.io', versions: ['v1alpha1'] },
    // Of its state, which may be larger than all else, the objects that it owns are read.
    objects.GitOpsApplication.transform(({ status, ...rest }) => ({
      ...rest,
      status: { resources: status?.resources ?? null },
    })),
  ),
};

/** What may be written for the pods of one version alone. */
export const selecting = [
  wanted('EnvoyFilter', 'envoyfilters', { ...networking, versions: ['v1alpha3'] }, objects.Selecting),
  wanted(
    'Telemetry',
    'telemetries',
    { group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'] },
    objects.Selecting,
  ),
  wanted('RequestAuthentication', 'requestauthentications', security, objects.Selecting),
  wanted(
    'WasmPlugin',
    'wasmplugins',
    { group: 'extensions.istio.io', versions: ['v1alpha1'] },
    objects.Selecting,
  ),
];

/** What other tools move traffic by. */
export const otherCanaries = [
  wanted('Canary', 'canaries', { group: 'flagger.app', versions: ['v1beta1'] }, objects.OtherCanary),
  wanted('Rollout', 'rollouts', { group: 'argoproj.io', versions: ['v1alpha1'] }, objects.OtherCanary),
];

/**
 * What cert-manager keeps in a Secret, and until when it holds.
 * Reference: https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateStatus
 */
const IssuedCertificate = z.looseObject({
  metadata: objects.Metadata,
  spec: z.looseObject({ secretName: z.string() }),
  /** RFC 3339; absent before the first one is issued. */
  status: z.looseObject({ notAfter: z.string().nullish(), renewalTime: z.string().nullish() }).nullish(),
});
export type IssuedCertificate = z.infer<typeof IssuedCertificate>;

export const issuedCertificates = wanted(
  'Certificate',
  'certificates',
  { group: 'cert-manager.io', versions: ['v1'] },
  IssuedCertificate,
);

/** One of them, not a list. */
export const single = {
  namespace: { kind: 'Namespace', plural: 'namespaces', ...core },
  configMap: { kind: 'ConfigMap', plural: 'configmaps', ...core },
};
