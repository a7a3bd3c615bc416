import { z } from 'zod';

/**
 * What the checks read of the objects of a cluster. Fields that nobody reads stay where they are; one that is read and
 * has another type makes the object unreadable, which is told and never taken for "not set".
 */
export const Labels = z.record(z.string(), z.string());
export type Labels = z.infer<typeof Labels>;

const Names = z.array(z.string());

export const Metadata = z.looseObject({
  name: z.string(),
  /** Absent for what belongs to no namespace. */
  namespace: z.string().optional(),
  labels: Labels.nullish(),
  annotations: Labels.nullish(),
  /** Counts the changes of `spec`. */
  generation: z.number().nullish(),
  /** RFC 3339. */
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  ownerReferences: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
    .nullish(),
  managedFields: z
    .array(
      z.looseObject({
        manager: z.string().optional(),
        operation: z.string().optional(),
        time: z.string().optional(),
        fieldsV1: z.unknown().optional(),
      }),
    )
    .nullish(),
});
export type Metadata = z.infer<typeof Metadata>;

/** `matchLabels` of Istio's own selectors; an absent one selects all of its namespace. */
const WorkloadSelector = z.looseObject({ matchLabels: Labels.nullish() });

/** Reference: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/ */
export const LabelSelector = z.looseObject({
  matchLabels: Labels.nullish(),
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: Names.nullish() }))
    .nullish(),
});
export type LabelSelector = z.infer<typeof LabelSelector>;

const RouteDestination = z.looseObject({
  destination: z
    .looseObject({
      host: z.string(),
      subset: z.string().nullish(),
      port: z.looseObject({ number: z.number().nullish() }).nullish(),
    })
    .nullish(),
  weight: z.number().nullish(),
});

const RouteMatch = z.looseObject({
  port: z.number().nullish(),
  sniHosts: Names.nullish(),
  sourceLabels: Labels.nullish(),
  sourceNamespace: z.string().nullish(),
  gateways: Names.nullish(),
});

const AnyRoute = z.looseObject({
  name: z.string().nullish(),
  match: z.array(RouteMatch).nullish(),
  route: z.array(RouteDestination).nullish(),
  delegate: z.looseObject({ name: z.string().nullish(), namespace: z.string().nullish() }).nullish(),
  fault: z.unknown().optional(),
  mirror: z.unknown().optional(),
  mirrors: z.array(z.unknown()).nullish(),
  retries: z.looseObject({ attempts: z.number().nullish() }).nullish(),
  timeout: z.string().nullish(),
});

export const VirtualService = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    hosts: Names.nullish(),
    gateways: Names.nullish(),
    exportTo: Names.nullish(),
    http: z.array(AnyRoute).nullish(),
    tls: z.array(AnyRoute).nullish(),
    tcp: z.array(AnyRoute).nullish(),
  }),
});
export type VirtualService = z.infer<typeof VirtualService>;

const ClientTls = z.looseObject({
  mode: z.string().nullish(),
  caCertificates: z.string().nullish(),
  credentialName: z.string().nullish(),
  insecureSkipVerify: z.boolean().nullish(),
});

const OutlierDetection = z.looseObject({
  maxEjectionPercent: z.number().nullish(),
  minHealthPercent: z.number().nullish(),
  consecutive5xxErrors: z.number().nullish(),
  consecutiveGatewayErrors: z.number().nullish(),
  splitExternalLocalOriginErrors: z.boolean().nullish(),
});
export type OutlierDetection = z.infer<typeof OutlierDetection>;

const PortPolicy = z.looseObject({
  tls: ClientTls.nullish(),
  loadBalancer: z
    .looseObject({
      simple: z.string().nullish(),
      consistentHash: z.unknown().optional(),
      localityLbSetting: z.unknown().optional(),
    })
    .nullish(),
  connectionPool: z.unknown().optional(),
  outlierDetection: OutlierDetection.nullish(),
});

export type PortPolicy = z.infer<typeof PortPolicy>;

const TrafficPolicy = PortPolicy.extend({
  portLevelSettings: z
    .array(PortPolicy.extend({ port: z.looseObject({ number: z.number().nullish() }).nullish() }))
    .nullish(),
});
export type TrafficPolicy = z.infer<typeof TrafficPolicy>;

export const DestinationRule = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    host: z.string(),
    exportTo: Names.nullish(),
    trafficPolicy: TrafficPolicy.nullish(),
    subsets: z
      .array(
        z.looseObject({ name: z.string(), labels: Labels.nullish(), trafficPolicy: TrafficPolicy.nullish() }),
      )
      .nullish(),
    workloadSelector: WorkloadSelector.nullish(),
  }),
});
export type DestinationRule = z.infer<typeof DestinationRule>;

export const Gateway = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    selector: Labels.nullish(),
    servers: z
      .array(
        z.looseObject({
          hosts: Names.nullish(),
          port: z.looseObject({ number: z.number().nullish(), protocol: z.string().nullish() }).nullish(),
          tls: z.looseObject({ mode: z.string().nullish(), credentialName: z.string().nullish() }).nullish(),
        }),
      )
      .nullish(),
  }),
});
export type Gateway = z.infer<typeof Gateway>;

export const ServiceEntry = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    hosts: Names,
    exportTo: Names.nullish(),
    location: z.string().nullish(),
    resolution: z.string().nullish(),
    ports: z.array(z.looseObject({ number: z.number(), protocol: z.string().nullish() })).nullish(),
  }),
});
export type ServiceEntry = z.infer<typeof ServiceEntry>;

export const Sidecar = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    workloadSelector: z.looseObject({ labels: Labels.nullish() }).nullish(),
    egress: z.array(z.looseObject({ hosts: Names.nullish() })).nullish(),
    outboundTrafficPolicy: z.looseObject({ mode: z.string().nullish() }).nullish(),
  }),
});
export type Sidecar = z.infer<typeof Sidecar>;

const PolicySource = z.looseObject({
  principals: Names.nullish(),
  notPrincipals: Names.nullish(),
  requestPrincipals: Names.nullish(),
  notRequestPrincipals: Names.nullish(),
  serviceAccounts: Names.nullish(),
  notServiceAccounts: Names.nullish(),
  namespaces: Names.nullish(),
  notNamespaces: Names.nullish(),
  ipBlocks: Names.nullish(),
});

const PolicyOperation = z.looseObject({
  hosts: Names.nullish(),
  notHosts: Names.nullish(),
  ports: Names.nullish(),
  methods: Names.nullish(),
  notMethods: Names.nullish(),
  paths: Names.nullish(),
  notPaths: Names.nullish(),
});

export const AuthorizationPolicy = z.looseObject({
  metadata: Metadata,
  /** Absent or empty: an ALLOW policy without rules, which denies everything. */
  spec: z
    .looseObject({
      action: z.string().nullish(),
      selector: WorkloadSelector.nullish(),
      targetRef: z.looseObject({ kind: z.string(), name: z.string() }).nullish(),
      targetRefs: z.array(z.looseObject({ kind: z.string(), name: z.string() })).nullish(),
      rules: z
        .array(
          z.looseObject({
            from: z.array(z.looseObject({ source: PolicySource.nullish() })).nullish(),
            to: z.array(z.looseObject({ operation: PolicyOperation.nullish() })).nullish(),
            when: z
              .array(z.looseObject({ key: z.string(), values: Names.nullish(), notValues: Names.nullish() }))
              .nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
export type AuthorizationPolicy = z.infer<typeof AuthorizationPolicy>;

const MutualTls = z.looseObject({ mode: z.string().nullish() });

export const PeerAuthentication = z.looseObject({
  metadata: Metadata,
  spec: z
    .looseObject({
      selector: WorkloadSelector.nullish(),
      mtls: MutualTls.nullish(),
      /** By the port of the workload, not of the Service. */
      portLevelMtls: z.record(z.string(), MutualTls).nullish(),
    })
    .nullish(),
});
export type PeerAuthentication = z.infer<typeof PeerAuthentication>;

/** EnvoyFilter, Telemetry, RequestAuthentication and WasmPlugin: what they do is theirs, whom they select is ours. */
export const Selecting = z.looseObject({
  kind: z.enum(['EnvoyFilter', 'Telemetry', 'RequestAuthentication', 'WasmPlugin']),
  metadata: Metadata,
  spec: z
    .looseObject({
      selector: WorkloadSelector.nullish(),
      workloadSelector: z.looseObject({ labels: Labels.nullish() }).nullish(),
      targetRefs: z.array(z.looseObject({ kind: z.string(), name: z.string() })).nullish(),
    })
    .nullish(),
});
export type Selecting = z.infer<typeof Selecting>;

const PolicyPeer = z.looseObject({
  podSelector: LabelSelector.nullish(),
  namespaceSelector: LabelSelector.nullish(),
  ipBlock: z.unknown().optional(),
});

export const NetworkPolicy = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    podSelector: LabelSelector.nullish(),
    policyTypes: Names.nullish(),
    ingress: z.array(z.looseObject({ from: z.array(PolicyPeer).nullish() })).nullish(),
    egress: z.array(z.looseObject({ to: z.array(PolicyPeer).nullish() })).nullish(),
  }),
});
export type NetworkPolicy = z.infer<typeof NetworkPolicy>;

export const Service = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    selector: Labels.nullish(),
    type: z.string().nullish(),
    ports: z
      .array(
        z.looseObject({
          name: z.string().nullish(),
          port: z.number(),
          targetPort: z.union([z.number(), z.string()]).nullish(),
          protocol: z.string().nullish(),
          appProtocol: z.string().nullish(),
        }),
      )
      .nullish(),
  }),
});
export type Service = z.infer<typeof Service>;

export const EndpointSlice = z.looseObject({
  /** The label `kubernetes.io/service-name` names the Service. */
  metadata: Metadata,
  endpoints: z
    .array(
      z.looseObject({
        conditions: z
          .looseObject({ ready: z.boolean().nullish(), terminating: z.boolean().nullish() })
          .nullish(),
        targetRef: z.looseObject({ kind: z.string().nullish(), name: z.string().nullish() }).nullish(),
      }),
    )
    .nullish(),
});
export type EndpointSlice = z.infer<typeof EndpointSlice>;

const Quantities = z.record(z.string(), z.union([z.string(), z.number()]));

export const Container = z.looseObject({
  name: z.string(),
  image: z.string().nullish(),
  /** `Always` makes an init container a native sidecar. */
  restartPolicy: z.string().nullish(),
  command: Names.nullish(),
  args: Names.nullish(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().nullish() })).nullish(),
  resources: z.looseObject({ requests: Quantities.nullish(), limits: Quantities.nullish() }).nullish(),
  ports: z.array(z.looseObject({ name: z.string().nullish(), containerPort: z.number() })).nullish(),
  livenessProbe: z.unknown().optional(),
  readinessProbe: z.unknown().optional(),
  startupProbe: z.unknown().optional(),
});
export type Container = z.infer<typeof Container>;

export const PodSpec = z.looseObject({
  containers: z.array(Container),
  initContainers: z.array(Container).nullish(),
  serviceAccountName: z.string().nullish(),
  hostNetwork: z.boolean().nullish(),
  nodeSelector: Labels.nullish(),
  affinity: z.looseObject({ nodeAffinity: z.unknown().optional() }).nullish(),
  topologySpreadConstraints: z
    .array(
      z.looseObject({
        maxSkew: z.number().nullish(),
        topologyKey: z.string().nullish(),
        whenUnsatisfiable: z.string().nullish(),
      }),
    )
    .nullish(),
});
export type PodSpec = z.infer<typeof PodSpec>;

const ContainerStatus = z.looseObject({
  name: z.string(),
  imageID: z.string().nullish(),
  restartCount: z.number().nullish(),
  lastState: z
    .looseObject({
      terminated: z.looseObject({ reason: z.string().nullish(), finishedAt: z.string().nullish() }).nullish(),
    })
    .nullish(),
});

export const Pod = z.looseObject({
  metadata: Metadata,
  spec: PodSpec,
  status: z
    .looseObject({
      phase: z.string().nullish(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish(),
      containerStatuses: z.array(ContainerStatus).nullish(),
      initContainerStatuses: z.array(ContainerStatus).nullish(),
    })
    .nullish(),
});
export type Pod = z.infer<typeof Pod>;

export const Deployment = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    replicas: z.number().nullish(),
    selector: LabelSelector.nullish(),
    template: z.looseObject({
      metadata: z.looseObject({ labels: Labels.nullish(), annotations: Labels.nullish() }).nullish(),
      spec: PodSpec,
    }),
  }),
  status: z.looseObject({ replicas: z.number().nullish(), readyReplicas: z.number().nullish() }).nullish(),
});
export type Deployment = z.infer<typeof Deployment>;

export const Autoscaler = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    minReplicas: z.number().nullish(),
    maxReplicas: z.number(),
    scaleTargetRef: z.looseObject({ kind: z.string(), name: z.string() }),
  }),
  status: z
    .looseObject({ currentReplicas: z.number().nullish(), desiredReplicas: z.number().nullish() })
    .nullish(),
});
export type Autoscaler = z.infer<typeof Autoscaler>;

export const Namespace = z.looseObject({ metadata: Metadata });
export type Namespace = z.infer<typeof Namespace>;

/** Reference: https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml */
export const GitOpsApplication = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    /** The cluster that it writes to, by its address or by its name. */
    destination: z.looseObject({ server: z.string().nullish(), name: z.string().nullish() }).nullish(),
    syncPolicy: z
      .looseObject({
        automated: z
          .looseObject({ selfHeal: z.boolean().nullish(), enabled: z.boolean().nullish() })
          .nullish(),
        syncOptions: Names.nullish(),
      })
      .nullish(),
    ignoreDifferences: z
      .array(
        z.looseObject({
          group: z.string().nullish(),
          kind: z.string(),
          name: z.string().nullish(),
          namespace: z.string().nullish(),
          jsonPointers: Names.nullish(),
          jqPathExpressions: Names.nullish(),
          managedFieldsManagers: Names.nullish(),
        }),
      )
      .nullish(),
  }),
  status: z
    .looseObject({
      resources: z
        .array(
          z.looseObject({
            group: z.string().nullish(),
            kind: z.string(),
            namespace: z.string().nullish(),
            name: z.string(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
export type GitOpsApplication = z.infer<typeof GitOpsApplication>;

/** A `Canary` of Flagger or a `Rollout` of Argo Rollouts that names VirtualServices or workloads. */
export const OtherCanary = z.looseObject({
  kind: z.enum(['Canary', 'Rollout']),
  metadata: Metadata,
  spec: z.looseObject({
    targetRef: z.looseObject({ kind: z.string().nullish(), name: z.string() }).nullish(),
    service: z.looseObject({ name: z.string().nullish() }).nullish(),
    /** True for a `Canary` that Flagger leaves alone. */
    suspend: z.boolean().nullish(),
    strategy: z
      .looseObject({
        canary: z
          .looseObject({
            trafficRouting: z
              .looseObject({
                istio: z
                  .looseObject({
                    virtualService: z.looseObject({ name: z.string().nullish() }).nullish(),
                    virtualServices: z.array(z.looseObject({ name: z.string() })).nullish(),
                  })
                  .nullish(),
              })
              .nullish(),
          })
          .nullish(),
      })
      .nullish(),
  }),
});
export type OtherCanary = z.infer<typeof OtherCanary>;

/** What a route or a Gateway of the Gateway API says of itself, as its controller judged it. */
const KubernetesConditions = z.array(
  z.looseObject({
    type: z.string(),
    status: z.string(),
    reason: z.string().nullish(),
    message: z.string().nullish(),
    observedGeneration: z.number().nullish(),
  }),
);

const ParentRef = z.looseObject({
  group: z.string().nullish(),
  kind: z.string().nullish(),
  namespace: z.string().nullish(),
  name: z.string(),
  sectionName: z.string().nullish(),
  port: z.number().nullish(),
});

/** Reference: https://gateway-api.sigs.k8s.io/reference/spec/#httproute */
export const HttpRoute = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    parentRefs: z.array(ParentRef).nullish(),
    hostnames: z.array(z.string()).nullish(),
    rules: z
      .array(
        z.looseObject({
          backendRefs: z
            .array(
              z.looseObject({
                group: z.string().nullish(),
                kind: z.string().nullish(),
                namespace: z.string().nullish(),
                name: z.string(),
                port: z.number().nullish(),
                weight: z.number().nullish(),
              }),
            )
            .nullish(),
        }),
      )
      .nullish(),
  }),
  status: z
    .looseObject({
      parents: z
        .array(z.looseObject({ parentRef: ParentRef, conditions: KubernetesConditions.nullish() }))
        .nullish(),
    })
    .nullish(),
});
export type HttpRoute = z.infer<typeof HttpRoute>;

/** Reference: https://gateway-api.sigs.k8s.io/reference/spec/#gateway */
export const KubernetesGateway = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    gatewayClassName: z.string(),
    listeners: z
      .array(
        z.looseObject({
          protocol: z.string().nullish(),
          allowedRoutes: z
            .looseObject({
              namespaces: z
                .looseObject({ from: z.string().nullish(), selector: LabelSelector.nullish() })
                .nullish(),
            })
            .nullish(),
        }),
      )
      .nullish(),
  }),
  status: z.looseObject({ conditions: KubernetesConditions.nullish() }).nullish(),
});
export type KubernetesGateway = z.infer<typeof KubernetesGateway>;
