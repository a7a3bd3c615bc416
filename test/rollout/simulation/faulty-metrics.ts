import type { CheckReadings, Measurements, Reading } from '../../../src/analysis/reading.ts';
import type { Metrics } from '../../../src/rollout/ports/metrics.ts';
import { mood } from '../../fakes/metrics.ts';
import type { Under } from './faulty-store.ts';
import { frozen } from './logbook.ts';
import type { World } from './world.ts';

const longestWayMs = 6000;
const lies = ['staleData', 'notFinite', 'noRows'] as const;
type Lie = (typeof lies)[number];

/** The provider as one turn sees it: slow now and then, and not always telling the truth. */
export function faultyMetrics(world: World, { owner }: Under): Metrics {
  const { metrics, faults, schedule, clock, random } = world;
  return {
    ...metrics,
    async measure(request, signal) {
      const ms = faults.strikes('slowMeasurement', 0.06) ? Math.floor(random() * longestWayMs) : 0;
      await schedule.pass(owner, 'measure', { at: clock.now + ms, signal });
      if (world.now.isFlapping) metrics.set('canary', random() < 0.5 ? mood.failing : mood.healthy);
      return frozen(told(world, await metrics.measure(request, signal)));
    },
  };
}

function told({ faults, logbook, schedule, oneOf }: World, truth: Measurements): Measurements {
  const lie = lies.find((kind) => faults.strikes(kind, 0.02));
  if (lie === undefined) {
    logbook.truths.add(truth.takenAt);
    return truth;
  }
  logbook.lies.add(truth.takenAt);
  schedule.note(`provider: ${lie}`);
  return lied(truth, lie, oneOf(absurd));
}

const stale: Reading = { kind: 'unavailable', why: 'the newest sample is old' };
const absurd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1];

/** Stale data still has values, of a time when all was well. */
function lied(truth: Measurements, lie: Lie, value: number): Measurements {
  if (lie === 'noRows') return everywhere(truth, () => ({ kind: 'none' }), { kind: 'none' });
  if (lie === 'staleData')
    return { ...truth, requests: { canary: stale, stable: stale }, increments: noCounts };
  const reading: Reading = { kind: 'value', value, requests: 1000 };
  const counts = { requests: value, errors: value };
  return { ...everywhere(truth, () => reading, reading), increments: { canary: counts, stable: counts } };
}

const noCounts = { canary: null, stable: null };

function everywhere(truth: Measurements, reading: () => Reading, unattributed: Reading): Measurements {
  const both = (): CheckReadings => ({ canary: reading(), stable: reading() });
  const checks = Object.fromEntries(Object.keys(truth.checks).map((check) => [check, both()]));
  return { ...truth, checks, requests: both(), increments: noCounts, unattributed };
}
