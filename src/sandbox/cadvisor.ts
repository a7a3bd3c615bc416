import type { Pod } from './pod-objects.ts';

/** CPU time is dealt out in tenths of a second, and the proxies of a well-kept mesh rarely ask for more than they get. */
const periodsPerSecond = 10;
const throttledRatio = 0.001;
const usedCores = 0.05;

/**
 * What the kubelet of the one simulated node tells of the proxies' CPU, as Prometheus text. `seconds` is how long they
 * have been measured.
 */
export function cadvisorPage(pods: readonly Pod[], seconds: number): string {
  const periods = Math.floor(seconds * periodsPerSecond);
  const counters = {
    container_cpu_usage_seconds_total: seconds * usedCores,
    container_cpu_cfs_periods_total: periods,
    container_cpu_cfs_throttled_periods_total: Math.floor(periods * throttledRatio),
  };
  return Object.entries(counters)
    .map(([name, value]) => `# TYPE ${name} counter\n${pods.map((pod) => sample(name, pod, value)).join('')}`)
    .join('');
}

function sample(name: string, { namespace, name: pod }: Pod, value: number): string {
  return `${name}{container="istio-proxy",namespace="${namespace}",pod="${pod}"} ${value}\n`;
}
