import { defineCheck } from '../check.ts';
import { error, orPass, unknown } from '../judgement.ts';
import type { StableSurvey, Subject } from '../snapshot.ts';

/** The labels by which requests are told apart, and what is lost without each. */
const uses: Readonly<Record<string, string>> = {
  reporter: 'each request would be counted twice, by its sender and by its receiver',
  destination_service_name: 'requests of other services could not be kept out',
  destination_service_namespace: 'requests of other services could not be kept out',
  destination_version: 'the requests of the canary could not be told from those of stable',
  destination_workload: 'failures that reached no pod could not be told from others',
  response_code: 'no 5xx answer could be counted',
  le: 'there would be no P99 latency',
};

/** Judged by what Prometheus has, so that a Telemetry which shapes the metrics of another provider is no fault. */
export const labelsExist = defineCheck({
  id: 'PF-PR-03',
  title: 'The metrics have every label that the checks ask for',
  family: 'prometheus',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['metricLabels', 'survey'],
  judge: ({ metricLabels, survey }, subject) => {
    const { service } = subject.stable;
    const name = `${service.namespace}/${service.name}`;
    if (metricLabels.length === 0) {
      const send = `send requests to ${name}, see that its proxies are scraped, and ask again`;
      return [
        unknown(
          `Prometheus has no series of istio_requests_total of ${name} whose labels could be read`,
          send,
        ),
      ];
    }
    const needed = neededBy(subject, survey);
    const missing = needed.filter((label) => !metricLabels.includes(label));
    const failures = missing.map((label) =>
      error({
        read: `the metrics of ${name} have no label ${label}`,
        means: `${uses[label]}: nothing that they say of ${subject.canary.version} would hold`,
        mend: mendOf(label, service.namespace),
      }),
    );
    return orPass(failures, `the metrics of ${name} have all ${needed.length} labels: ${needed.join(', ')}`);
  },
});

/** `le` stands in classic histograms only: a native one that answers has none. */
function neededBy({ checks }: Subject, survey: StableSurvey): string[] {
  const latency = checks.filter(({ metric }) => metric === 'p99LatencyMs');
  const isNative = latency.every(({ id }) =>
    survey.checks.some((one) => one.id === id && one.value !== null && one.boundsMs === null),
  );
  return Object.keys(uses).filter((label) => label !== 'le' || (latency.length > 0 && !isNative));
}

function mendOf(label: string, namespace: string): string {
  if (label === 'le') {
    return `see that the scrape keeps istio_request_duration_milliseconds_bucket, and that no Telemetry disables REQUEST_DURATION: kubectl get telemetries -A -o yaml`;
  }
  const pods =
    label === 'destination_version'
      ? `; pods need the label version: kubectl -n ${namespace} get pods -L version`
      : '';
  return `see that no Telemetry removes it (spec.metrics[].overrides[].tagOverrides): kubectl get telemetries -A -o yaml, and that no rule of the scrape drops it (metric_relabel_configs)${pods}`;
}
