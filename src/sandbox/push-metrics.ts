/** Istio's buckets of the seconds from a change until a proxy has it. */
const bounds = ['0.1', '0.5', '1', '3', '5', '10', '20', '30', '+Inf'];
const pushEverySeconds = 5;

/**
 * What istiod tells of its pushes, as Prometheus text: one to each proxy every 5 s, each of which arrives within 100 ms.
 * As long as no proxy refused one, it has no series of refusals.
 */
export function pushPage(proxies: number, measuredSeconds: number): string {
  const pushes = proxies * Math.floor(measuredSeconds / pushEverySeconds);
  const series = 'pilot_proxy_convergence_time';
  return [
    '# TYPE pilot_xds_pushes counter',
    ...['cds', 'eds', 'lds', 'rds'].map((type) => `pilot_xds_pushes{type="${type}"} ${pushes}`),
    `# TYPE ${series} histogram`,
    ...bounds.map((le) => `${series}_bucket{le="${le}"} ${pushes}`),
    `${series}_sum ${pushes * 0.05}`,
    `${series}_count ${pushes}`,
    '',
  ].join('\n');
}
