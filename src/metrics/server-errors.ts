import type { Row } from './answer.ts';

/** The labels that tell how a request ended: HTTP's code, gRPC's status, and what the proxy says of it. */
export const answerLabels = 'response_code, grpc_response_status, response_flags';

/**
 * Statuses that are the server's fault, as OpenTelemetry lists them for servers, by the numbers that a proxy writes:
 * unknown, deadline exceeded, unimplemented, internal, unavailable, data loss.
 * https://opentelemetry.io/docs/specs/semconv/rpc/grpc/#server
 * https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
const serverStatuses = new Set(['2', '4', '12', '13', '14', '15']);

/**
 * What a proxy says of a request that it could not bring to an answer: no healthy host, no connection, no room, no
 * route, no cluster, no retry left, no answer in time, a connection or a stream that ended, a protocol that was broken,
 * a name that does not resolve.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators
 */
const upstreamFailures = new Set([
  'UH',
  'UF',
  'UO',
  'NR',
  'NC',
  'URX',
  'UT',
  'UMSDR',
  'UC',
  'UR',
  'LR',
  'UPE',
  'DF',
]);
/** The caller went away: its connection ended, or it reset the stream. */
const callerLeft = new Set(['DC', 'DR']);

/**
 * True for requests that failed through the server's fault: a 5xx, a gRPC status of that sort under whatever code, and
 * code 0, which is no answer at all, when what is behind the proxy failed. A caller that hangs up fails nobody: a proxy
 * writes code 0 then or, for a gRPC stream that had begun, makes up the status 2 of it.
 */
export function isServerError({ labels }: Pick<Row, 'labels'>): boolean {
  const { response_code: code = '', grpc_response_status: status = '', response_flags = '' } = labels;
  if (/^5\d\d$/.test(code)) return true;
  const flags = response_flags.split(',');
  if (flags.some((flag) => callerLeft.has(flag))) return false;
  return serverStatuses.has(status) || (code === '0' && flags.some((flag) => upstreamFailures.has(flag)));
}
