import {
  duration,
  flag,
  int32,
  integer,
  listOf,
  mapOf,
  number,
  object,
  oneOf,
  type Shape,
  text,
  uint32,
} from './shape.ts';

const clientTls = object({
  caCertificates: text,
  caCrl: text,
  clientCertificate: text,
  credentialName: text,
  insecureSkipVerify: flag,
  mode: oneOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  privateKey: text,
  sni: text,
  subjectAltNames: listOf(text),
});

const outlierDetection = object({
  baseEjectionTime: duration,
  consecutive5xxErrors: uint32,
  consecutiveErrors: int32,
  consecutiveGatewayErrors: uint32,
  consecutiveLocalOriginFailures: uint32,
  interval: duration,
  maxEjectionPercent: int32,
  minHealthPercent: int32,
  outlierDetectionHttpErrorCodes: listOf(integer(100, 599)),
  splitExternalLocalOriginErrors: flag,
});

const connectionPool = object({
  http: object({
    h2UpgradePolicy: oneOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
    http1MaxPendingRequests: int32,
    http2KeepAlive: object({ interval: duration, timeout: duration }),
    http2MaxRequests: int32,
    idleTimeout: duration,
    maxConcurrentStreams: int32,
    maxRequestsPerConnection: int32,
    maxRetries: int32,
    useClientProtocol: flag,
  }),
  tcp: object({
    connectTimeout: duration,
    idleTimeout: text,
    maxConnectionDuration: duration,
    maxConnections: int32,
    tcpKeepalive: object({ interval: duration, probes: uint32, time: duration }),
  }),
});

const loadBalancer = object(
  {
    consistentHash: object(
      {
        httpCookie: object(
          {
            attributes: listOf(object({ name: text, value: text }, ['name'])),
            name: text,
            path: text,
            ttl: text,
          },
          ['name'],
        ),
        httpHeaderName: text,
        httpQueryParameterName: text,
        maglev: object({ tableSize: integer(0, Infinity) }),
        minimumRingSize: integer(0, Infinity),
        ringHash: object({ minimumRingSize: integer(0, Infinity) }),
        useSourceIp: flag,
      },
      [],
      [
        ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
        ['ringHash', 'maglev'],
      ],
    ),
    localityLbSetting: object({
      distribute: listOf(object({ from: text, to: mapOf(uint32) })),
      enabled: flag,
      failover: listOf(object({ from: text, to: text })),
      failoverPriority: listOf(text),
    }),
    simple: oneOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
    warmup: object({ aggression: number(0, Infinity), duration: duration, minimumPercent: number(0, 100) }, [
      'duration',
    ]),
    warmupDurationSecs: duration,
    zoneAwareLbSetting: object({
      enabled: flag,
      failover: listOf(object({ from: text, to: text })),
      failoverPriority: listOf(text),
      minClusterSize: integer(1, Infinity),
    }),
  },
  [],
  [['simple', 'consistentHash']],
);

const trafficPolicy = object({
  connectionPool: connectionPool,
  loadBalancer: loadBalancer,
  outlierDetection: outlierDetection,
  portLevelSettings: listOf(
    object({
      connectionPool: connectionPool,
      loadBalancer: loadBalancer,
      outlierDetection: outlierDetection,
      port: object({ number: uint32 }),
      tls: clientTls,
    }),
  ),
  proxyProtocol: object({ version: oneOf('V1', 'V2') }),
  retryBudget: object({ budgetInterval: text, minRetryConcurrency: uint32, percent: number(0, 100) }),
  tls: clientTls,
  tunnel: object({ protocol: text, targetHost: text, targetPort: uint32 }, ['targetHost', 'targetPort']),
});

/** The spec of a DestinationRule as the networking.istio.io CRD declares it (field names, types and required keys). */
export const destinationRuleShape: Shape = object(
  {
    exportTo: listOf(text),
    host: text,
    subsets: listOf(object({ labels: mapOf(text), name: text, trafficPolicy: trafficPolicy }, ['name'])),
    trafficPolicy: trafficPolicy,
    workloadSelector: object({ matchLabels: mapOf(text) }),
  },
  ['host'],
);
