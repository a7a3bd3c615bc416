import type { Arm, Subject } from '../snapshot.ts';

const annotation = 'sidecar.istio.io/statsHistogramBuckets';
/** Istio matches the annotation's names against the beginning of Envoy's, which put this before each of Istio's. */
const durations = 'istiocustom.istio_request_duration_milliseconds';

/**
 * What gives the histogram a bound at every P99 limit of the plan, beside those it has. The annotation's value is a
 * JSON object from a metric's prefix to all of its bounds: https://istio.io/latest/docs/reference/config/annotations/
 */
export function withBucketsAt(bounds: readonly number[], subject: Subject): string {
  const limits = subject.checks.flatMap(({ metric, max }) => (metric === 'p99LatencyMs' ? [max] : []));
  const all = [...new Set([...bounds, ...limits])].toSorted((one, other) => one - other);
  const value = JSON.stringify({ [durations]: all });
  const patch = JSON.stringify({
    spec: { template: { metadata: { annotations: { [annotation]: value } } } },
  });
  const { stable, canary } = subject;
  if (isTimedByCallers(subject)) {
    return `give the histogram a bound at the limit by the annotation ${annotation} on the pod templates of the callers, who time the requests (their pods restart): kubectl -n <namespace> patch deployment <caller> --type=merge -p '${patch}'`;
  }
  const commands = [stable, canary].map((arm) => commandFor(arm, patch));
  return `give the histogram a bound at the limit by the annotation ${annotation} on the pod templates of both versions (their pods restart): ${commands.join('; ')}`;
}

/** Where the versions have a service each, or no pods, requests are timed where they are sent from. */
function isTimedByCallers({ stable, canary }: Subject): boolean {
  const [one, other] = [stable.service, canary.service];
  return one.name !== other.name || one.namespace !== other.namespace || stable.podLabels === null;
}

function commandFor({ service, version }: Arm, patch: string): string {
  return `kubectl -n ${service.namespace} patch deployment <the one behind ${version}> --type=merge -p '${patch}'`;
}
