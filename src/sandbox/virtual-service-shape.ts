import {
  duration,
  flag,
  int32,
  listOf,
  mapOf,
  number,
  object,
  oneOf,
  type Shape,
  text,
  uint32,
} from './shape.ts';

const stringMatch = object({ exact: text, prefix: text, regex: text }, [], [['exact', 'prefix', 'regex']]);

const destination = object({ host: text, port: object({ number: uint32 }), subset: text }, ['host']);

const headerOperations = object({ add: mapOf(text), remove: listOf(text), set: mapOf(text) });

const weightedRoutes = listOf(object({ destination: destination, weight: int32 }, ['destination']));

const httpMatch = object({
  authority: stringMatch,
  gateways: listOf(text),
  headers: mapOf(stringMatch),
  ignoreUriCase: flag,
  method: stringMatch,
  name: text,
  port: uint32,
  queryParams: mapOf(stringMatch),
  scheme: stringMatch,
  sourceLabels: mapOf(text),
  sourceNamespace: text,
  statPrefix: text,
  uri: stringMatch,
  withoutHeaders: mapOf(stringMatch),
});

const httpRoute = object({
  corsPolicy: object({
    allowCredentials: flag,
    allowHeaders: listOf(text),
    allowMethods: listOf(text),
    allowOrigin: listOf(text),
    allowOrigins: listOf(stringMatch),
    exposeHeaders: listOf(text),
    maxAge: duration,
    unmatchedPreflights: oneOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
  }),
  delegate: object({ name: text, namespace: text }),
  directResponse: object(
    { body: object({ bytes: text, string: text }, [], [['string', 'bytes']]), status: uint32 },
    ['status'],
  ),
  fault: object({
    abort: object(
      { grpcStatus: text, http2Error: text, httpStatus: int32, percentage: object({ value: number() }) },
      [],
      [['httpStatus', 'grpcStatus', 'http2Error']],
    ),
    delay: object(
      {
        exponentialDelay: duration,
        fixedDelay: duration,
        percent: int32,
        percentage: object({ value: number() }),
      },
      [],
      [['fixedDelay', 'exponentialDelay']],
    ),
  }),
  headers: object({ request: headerOperations, response: headerOperations }),
  match: listOf(httpMatch),
  mirror: destination,
  mirror_percent: uint32,
  mirrorPercent: uint32,
  mirrorPercentage: object({ value: number() }),
  mirrors: listOf(
    object({ destination: destination, percentage: object({ value: number() }) }, ['destination']),
  ),
  name: text,
  redirect: object(
    {
      authority: text,
      derivePort: oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
      port: uint32,
      prefixRewrite: text,
      redirectCode: uint32,
      scheme: text,
      uri: text,
    },
    [],
    [['port', 'derivePort']],
  ),
  retries: object({
    attempts: int32,
    backoff: duration,
    perTryTimeout: duration,
    retryIgnorePreviousHosts: flag,
    retryOn: text,
    retryRemoteLocalities: flag,
  }),
  rewrite: object({ authority: text, uri: text, uriRegexRewrite: object({ match: text, rewrite: text }) }),
  route: listOf(
    object(
      {
        destination: destination,
        headers: object({ request: headerOperations, response: headerOperations }),
        weight: int32,
      },
      ['destination'],
    ),
  ),
  timeout: duration,
});

/** The spec of a VirtualService as the networking.istio.io CRD declares it (field names, types and required keys). */
export const virtualServiceShape: Shape = object({
  exportTo: listOf(text),
  gateways: listOf(text),
  hosts: listOf(text),
  http: listOf(httpRoute),
  tcp: listOf(
    object({
      match: listOf(
        object({
          destinationSubnets: listOf(text),
          gateways: listOf(text),
          port: uint32,
          sourceLabels: mapOf(text),
          sourceNamespace: text,
          sourceSubnet: text,
        }),
      ),
      route: weightedRoutes,
    }),
  ),
  tls: listOf(
    object(
      {
        match: listOf(
          object(
            {
              destinationSubnets: listOf(text),
              gateways: listOf(text),
              port: uint32,
              sniHosts: listOf(text),
              sourceLabels: mapOf(text),
              sourceNamespace: text,
            },
            ['sniHosts'],
          ),
        ),
        route: weightedRoutes,
      },
      ['match'],
    ),
  ),
});
