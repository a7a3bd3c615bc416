import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import { surveyFact } from '../../src/rollout/readiness-subject.ts';
import { start } from '../fakes/rollouts.ts';

const plan = Plan.parse({
  checks: { p99: { metric: 'p99LatencyMs', max: 2000 } },
  steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: 60 }, { type: 'promote' }],
});
const none: Reading = { kind: 'none' };

function surveyOf(p99: Reading, overall: Reading): MetricsSurvey {
  return {
    measurements: {
      takenAt: start,
      checks: { p99: { canary: none, stable: p99 } },
      requests: { canary: none, stable: overall },
      increments: { canary: null, stable: null },
      unattributed: none,
    },
    checks: {
      p99: {
        queries: [{ purpose: 'value', query: 'histogram_quantile(0.99, x)' }],
        boundsMs: [500],
        stableHistogram: null,
      },
    },
    guards: [],
    latencyFrom: 'service',
  };
}

function checkOf(p99: Reading, overall: Reading) {
  const fact = surveyFact({ plan }, surveyOf(p99, overall));
  return fact.kind === 'read' ? fact.value.checks[0] : fact;
}

const counted: Reading = { kind: 'value', value: 900, requests: 900 };

describe('what the checks of a plan find of stable before the start', () => {
  it('has its value and its requests', () => {
    const value: Reading = { kind: 'value', value: 180, requests: 900 };
    expect(checkOf(value, counted)).toMatchObject({ unread: null, requests: 900, value: 180 });
  });

  it('tells a window without requests from a metric without series', () => {
    expect(checkOf(none, { kind: 'value', value: 0, requests: 0 })).toMatchObject({ requests: 0 });
    expect(checkOf(none, none)).toMatchObject({ unread: null, requests: null });
  });

  it('says why when an answer could not be read, and keeps the bounds that were seen', () => {
    const why = 'the P99 lies above the highest bucket';
    expect(checkOf({ kind: 'unavailable', why }, counted)).toMatchObject({
      unread: why,
      requests: null,
      boundsMs: [500],
    });
  });
});
