const service = 'destination_service_namespace, destination_service_name';
const requests = 'istio_requests_total{reporter="destination"}[1m]';
const errors = 'istio_requests_total{reporter="destination",response_code=~"5.."}[1m]';
const durations = 'istio_request_duration_milliseconds_bucket{reporter="destination"}[1m]';

/** Rules as a bank has them, one for all services: more than 1 % of answers 5xx, or a P99 above 2 s, for 5 minutes. */
export const bankAlertRules = {
  groups: [
    {
      name: 'bank',
      rules: [
        pages(
          'ServiceErrors',
          `sum by (${service}) (rate(${errors})) / sum by (${service}) (rate(${requests})) > 0.01`,
        ),
        pages('ServiceSlow', `histogram_quantile(0.99, sum by (${service}, le) (rate(${durations}))) > 2000`),
      ],
    },
  ],
};

function pages(alert: string, expr: string): object {
  return { alert, expr, for: '5m', labels: { severity: 'critical' } };
}
