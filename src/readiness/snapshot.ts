import type * as objects from './objects.ts';

/** Milliseconds since 1970, of the clock that the snapshot was taken by. */
export type Millis = number;

/**
 * Something that was read, or why it was not. `gaps`: parts of it that could not be read or understood, such as a
 * namespace or one object; what would pass without them is unknown. `mend`: what makes it readable.
 */
export type Fact<Value> =
  | { kind: 'read'; value: Value; gaps?: string[] }
  | { kind: 'unread'; why: string; mend: string };

/** One of the two destinations: its pods are those of the service's namespace that have all its labels. */
export type Arm = {
  host: string;
  subset: string | null;
  service: { name: string; namespace: string };
  version: string;
  /** Null where it has no pods to look at, such as a host of a ServiceEntry. */
  podLabels: Readonly<Record<string, string>> | null;
};

/** How a route of a VirtualService is found: an http route by its name, which is empty for the one that has none. */
export type RouteKey =
  | { kind: 'http'; name: string }
  | { kind: 'tls'; port: number | null; sniHosts: readonly string[] }
  | { kind: 'tcp'; port: number | null };

/** One check of the plan, as far as readiness depends on it. */
export type PlannedCheck = {
  id: string;
  metric: 'errorRate' | 'p99LatencyMs';
  /** A ratio 0..1, or milliseconds. */
  max: number;
  /** Seconds that it looks back. */
  window: number;
  minRequests: number;
};

/** What the bank asks of every target, whatever the plan says. */
export type Requirements = {
  /** The mode that the canary must have for other workloads to call it. */
  mutualTls: 'STRICT' | 'PERMISSIVE';
  /** True when somebody asked for that mode: then another one is an error, and otherwise a warning. */
  insistsOnMutualTls: boolean;
  /** True when a namespace must deny what no policy allows. */
  defaultDeny: boolean;
  /** Hosts outside the mesh that the canary will call, beside those that stable calls. */
  egressHosts: readonly string[];
  /** True when images must be named by digest. */
  imageDigests: boolean;
};

/** What is to be rolled out, and how. Nothing in it is read from the mesh at this moment. */
export type Subject = {
  cluster: string;
  /** The VirtualServices that are moved, and their routes. */
  virtualServices: readonly { namespace: string; name: string; routes: readonly RouteKey[] }[];
  stable: Arm;
  canary: Arm;
  /** Shares of the canary in percent, in the order of the plan, 100 at its end. */
  shares: readonly number[];
  /** The next of them: what a check that is asked again looks at. */
  nextShare: number;
  /** What canaryd last read back, in percent; null before the first write. */
  writtenShare: number | null;
  /** The share of a write whose answer is not known, in percent: it may stand there already; null when there is none. */
  intendedShare: number | null;
  /** Seconds that the shortest bake takes; null when nothing is baked. */
  shortestBake: number | null;
  /** Seconds after which an unfinished rollout goes back. */
  deadline: number;
  checks: readonly PlannedCheck[];
  /** The start of the rollout; null when it has not begun. */
  startedAt: Millis | null;
  /** Ready pods of stable at the start; null when it has not begun or they may not be read. */
  stableReadyAtStart: number | null;
  requirements: Requirements;
};

/** A fault of the split as the traffic adapter names it, or none. */
export type Split =
  | { kind: 'ready' }
  | {
      kind: 'fault';
      code:
        | 'route-not-found'
        | 'route-ambiguous'
        | 'destination-not-in-route'
        | 'split-not-at-rest'
        | 'unsupported-shape'
        | 'canary-ambiguous'
        | 'subset-not-found'
        | 'service-not-found'
        | 'missing';
      path: string;
      message: string;
    };

/** Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ */
export type MeshConfig = {
  rootNamespace: string;
  /** Where istiod runs: mostly, but not always, the root namespace. */
  istiodNamespace: string;
  /** Empty when it is not set: then ALLOW_ANY holds. */
  outboundTrafficPolicyMode: string;
  trustDomain: string;
  trustDomainAliases: readonly string[];
  enableAutoMtls: boolean;
  /** True when namespaces are injected unless they say no. */
  injectsByDefault: boolean;
  clusterDomain: string;
};

export type Right = {
  verb: string;
  group: string;
  resource: string;
  namespace: string;
  name: string;
  allowed: boolean;
};

/** A rollout that names the same route, of canaryd's own database or by an annotation. */
export type Lock = { rolloutId: string; live: boolean; since: Millis | null; isOwn: boolean };

/** A certificate of a bundle. */
export type Certificate = { subject: string; notAfter: Millis };

/**
 * The certificate behind a server of a Gateway; `why` says why it could not be read. `renewsAt`: when something renews
 * it by itself, such as `status.renewalTime` of cert-manager's Certificate; absent where nothing is known to.
 */
export type GatewayCertificate = { gateway: string; credentialName: string } & (
  | { notAfter: Millis; renewsAt?: Millis }
  | { why: string }
);

/** `clockOffset`: seconds that the provider's clock is ahead of the database's. `seconds`: how long the query took. */
export type Provider = { clockOffset: number; seconds: number };

/** What one check of the plan finds of stable at this moment. */
export type SurveyedCheck = {
  id: string;
  query: string;
  /** Why the provider gave no answer that could be read; null when it did. */
  unread: string | null;
  /** Requests of stable in the window; null when the metric has none at all. */
  requests: number | null;
  /** The value over the window; null when there is none. */
  value: number | null;
  /** Rising finite bounds of the latency histogram in ms; null for what has none or shows none. */
  boundsMs: readonly number[] | null;
};

/** Requests per second of stable now, and the checks of the plan. */
export type StableSurvey = { requestsPerSecond: number | null; checks: readonly SurveyedCheck[] };

export type RequestSeries = {
  /** Series of the same pod under different scrape jobs or replicas, such as `job=istio, job=pods`; empty is well. */
  duplicates: readonly string[];
  /** The values of `reporter` that carry requests of the service. */
  reporters: readonly string[];
};

/** One workload that calls the service, as the service's own proxies count it. */
export type Caller = {
  workload: string;
  namespace: string;
  principal: string | null;
  /** Requests per second, and those of them that did not come by mutual TLS. */
  requestsPerSecond: number;
  plaintextPerSecond: number;
};

/** Something that stable calls: a service of the mesh, or what left it by name or unknown. */
export type Callee = {
  host: string;
  service: { name: string; namespace: string } | null;
  requestsPerSecond: number;
};

/** Requests answered 403 in a window, and all of them. */
export type Forbidden = {
  stable: { requests: number; forbidden: number };
  canary: { requests: number; forbidden: number };
  window: number;
};

/** Seconds until the proxy's certificate expires; `ttl` is how long such a one lives. */
export type ProxyCertificates = {
  ttl: number;
  pods: readonly { pod: string; arm: 'stable' | 'canary'; secondsLeft: number }[];
};

/** When istiod's own chain and root expire; null where it does not tell. `signingErrors`: within the last hour. */
export type MeshCertificates = {
  rootNotAfter: Millis | null;
  chainNotAfter: Millis | null;
  rootChangedAt: Millis | null;
  signingErrors: number | null;
};

/** Ratio 0..1 of the periods in which a proxy was throttled, by pod. */
export type Throttling = readonly { pod: string; arm: 'stable' | 'canary'; ratio: number }[];

export type AlertRule = {
  group: string;
  name: string;
  query: string;
  labels: Readonly<Record<string, string>>;
  health: string;
  lastError: string | null;
  lastEvaluation: Millis | null;
  /** Seconds between two evaluations of the group. */
  interval: number;
  /** Seconds for which it must be true before it fires; left out where that is not told. */
  forSeconds?: number;
};

export type FiringAlert = {
  name: string;
  labels: Readonly<Record<string, string>>;
  state: 'firing' | 'pending';
  since: Millis | null;
};

export type Silence = {
  id: string;
  matchers: readonly { name: string; value: string; isRegex: boolean; isEqual: boolean }[];
  endsAt: Millis;
  createdBy: string;
  comment: string;
};

/** A ServiceAccount, by whose name principals are made. */
export type ServiceAccount = { name: string; namespace: string };

/**
 * What istiod tells of its pushes to proxies over the last `window` seconds: configurations that proxies refused, and
 * the ratio 0..1 of the changes that a proxy had only after more than 30 s; null where it does not tell.
 */
export type ProxySync = { rejected: number | null; lateRatio: number | null; window: number };

/** An error budget that the plan names: the ratio that is left of it, and the least that the plan asks for. */
export type ErrorBudget = {
  /** The series as it was asked for. */
  query: string;
  /** Ratio of the budget that is left: 1 is all, below 0 is overspent; null when the series has no value. */
  left: number | null;
  min: number;
};

/** An order that stops every move forward where it holds. */
export type StandingHold = { id: string; scope: string; by: string; reason: string | null };

/** Versions such as `1.26.1`. */
export type ProxyVersions = { istiod: string | null };

/** All that the checks know. Lists hold what may concern the target: they are not all objects of the cluster. */
export type Snapshot = {
  at: Millis;
  subject: Subject;
  split: Fact<Split>;
  meshConfig: Fact<MeshConfig>;
  proxyVersions: Fact<ProxyVersions>;
  namespaces: Fact<objects.Namespace[]>;
  /** Of all namespaces. */
  virtualServices: Fact<objects.VirtualService[]>;
  /** Those of the target, whatever may be read of others; one that is not there is left out. */
  movedVirtualServices: Fact<objects.VirtualService[]>;
  destinationRules: Fact<objects.DestinationRule[]>;
  gateways: Fact<objects.Gateway[]>;
  serviceEntries: Fact<objects.ServiceEntry[]>;
  /** Of the services' namespaces, their callers' and the root namespace. */
  sidecars: Fact<objects.Sidecar[]>;
  /** Of the services' namespaces, those that stable calls, and the root namespace. */
  authorizationPolicies: Fact<objects.AuthorizationPolicy[]>;
  /** Of the services' namespaces and the root namespace. */
  peerAuthentications: Fact<objects.PeerAuthentication[]>;
  selectors: Fact<objects.Selecting[]>;
  networkPolicies: Fact<objects.NetworkPolicy[]>;
  /** Of the services' namespaces. */
  services: Fact<objects.Service[]>;
  endpoints: Fact<objects.EndpointSlice[]>;
  pods: Fact<objects.Pod[]>;
  /** Beside them those of egress gateways, of whatever namespace. */
  deployments: Fact<objects.Deployment[]>;
  autoscalers: Fact<objects.Autoscaler[]>;
  gitOpsApplications: Fact<objects.GitOpsApplication[]>;
  otherCanaries: Fact<objects.OtherCanary[]>;
  /** Of the services' namespaces, the root namespace and those whose accounts policies name. */
  serviceAccounts: Fact<ServiceAccount[]>;
  /** Routes and Gateways of the Gateway API: waypoints are among the latter. */
  httpRoutes: Fact<objects.HttpRoute[]>;
  kubernetesGateways: Fact<objects.KubernetesGateway[]>;
  rights: Fact<Right[]>;
  /** Of the API group networking.istio.io, such as `v1`; none when the cluster does not know it. */
  servedVersions: Fact<string[]>;
  locks: Fact<Lock[]>;
  /** Those that hold for the target now, of canaryd's own database. */
  holds: Fact<StandingHold[]>;
  rootCertificates: Fact<Certificate[]>;
  gatewayCertificates: Fact<GatewayCertificate[]>;
  provider: Fact<Provider>;
  survey: Fact<StableSurvey>;
  /** Label names of the service's `istio_requests_total`, and `le` when its latency has buckets. */
  metricLabels: Fact<string[]>;
  /** Seconds between two scrapes. */
  scrape: Fact<number>;
  requestSeries: Fact<RequestSeries>;
  callers: Fact<Caller[]>;
  callees: Fact<Callee[]>;
  forbidden: Fact<Forbidden>;
  proxyCertificates: Fact<ProxyCertificates>;
  meshCertificates: Fact<MeshCertificates>;
  throttling: Fact<Throttling>;
  proxySync: Fact<ProxySync>;
  errorBudgets: Fact<ErrorBudget[]>;
  alertRules: Fact<AlertRule[]>;
  alerts: Fact<FiringAlert[]>;
  silences: Fact<Silence[]>;
};

/** The names of the facts, each of which may be unread. */
export type FactName = Exclude<keyof Snapshot, 'at' | 'subject'>;

/** The fact of what nobody asked for. */
export const notAsked = {
  kind: 'unread',
  why: 'no check of this inspection asked for it',
  mend: 'ask for a preflight, which reads everything',
} as const satisfies Fact<never>;
