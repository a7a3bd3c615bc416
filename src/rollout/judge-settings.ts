import { type AbsoluteLimit, type JudgeSettings, usualSettings } from '../analysis/sequential/settings.ts';
import { type Check, enforcedIn, type MeshCheck, meshChecksIn } from './plan-parts.ts';

/** What the sequential judge goes by when it judges a plan: its usual settings, and the enforced checks of requests as limits. */
export function judgeSettingsOf({ checks }: { checks: Record<string, Check> }): JudgeSettings {
  return {
    ...usualSettings,
    limits: Object.entries(meshChecksIn(enforcedIn(checks))).map(([id, check]) => limitOf(id, check)),
  };
}

function limitOf(id: string, check: MeshCheck): AbsoluteLimit {
  const { metric, max, severity } = check;
  const more = {
    ...(severity === 'warning' && { effect: 'pause' as const }),
    ...(check.for !== undefined && { backstopSeconds: check.for }),
  };
  if (metric === 'errorRate') return { id, metric, max, ...more };
  return { id, metric: 'latency', quantile: 0.99, maxMs: max, ...more };
}
