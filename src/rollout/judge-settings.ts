import { type AbsoluteLimit, type JudgeSettings, usualSettings } from '../analysis/sequential/settings.ts';
import type { Check } from './plan-parts.ts';

/** What the sequential judge goes by when it judges a plan: its usual settings, and the plan's checks as limits. */
export function judgeSettingsOf({ checks }: { checks: Record<string, Check> }): JudgeSettings {
  return { ...usualSettings, limits: Object.entries(checks).map(([id, check]) => limitOf(id, check)) };
}

function limitOf(id: string, { metric, max }: Check): AbsoluteLimit {
  if (metric === 'errorRate') return { id, metric, max };
  return { id, metric: 'latency', quantile: 0.99, maxMs: max };
}
