import type { Random } from './scheduler.ts';

/** Everything that can go wrong in a simulated run, by the part that it comes from. */
const families = {
  workers: ['crash', 'pausedWorker', 'skewedClock'],
  network: ['slowLook', 'slowPatch', 'slowMeasurement', 'hang', 'latePatch', 'lostPatch', 'reset'],
  apiServer: [
    'conflict409',
    'invalid422',
    'serverError500',
    'denied400',
    'throttled429',
    'unauthorized401',
    'forbidden403',
    'oldView',
  ],
  alarms: ['alarmLost', 'alarmTwice', 'alarmLate'],
  database: ['lostBeforeCommit', 'lostAfterCommit'],
  provider: ['staleData', 'notFinite', 'noRows', 'noTraffic', 'unavailable', 'breach', 'flapping'],
  otherWriters: [
    'unmanagedEdit',
    'driftUp',
    'driftDown',
    'brokenGlass',
    'removedDestination',
    'managedRoutes',
  ],
  object: ['deleted', 'createdAnew'],
  people: ['word', 'killSwitch', 'canaryReleased', 'stableReleased'],
} as const;

type Family = keyof typeof families;
export type FaultKind = (typeof families)[Family][number];

export const faultKinds: FaultKind[] = Object.values(families).flat();

/** How often each kind occurred; what never did is missing. */
export type Tally = Partial<Record<FaultKind, number>>;

/** Present in every run: what the ablations need, and what comes from nobody's fault. */
const always: Family[] = ['workers', 'people', 'provider'];
/** How many runs in a hundred have each of the other families: few faults at a time reach further into a plan. */
const share = 0.3;

/** The faults of one run: some families are left out of it altogether, and none strikes once faults are over. */
export function faultsOf(random: Random, isPlain: boolean) {
  const tally: Tally = {};
  const present = new Map<FaultKind, boolean>();
  for (const family of Object.keys(families)) {
    const isPresent = isFamily(family) && (always.includes(family) || (!isPlain && random() < share));
    if (isFamily(family)) for (const kind of families[family]) present.set(kind, isPresent);
  }
  let areOver = false;

  const count = (kind: FaultKind) => {
    tally[kind] = (tally[kind] ?? 0) + 1;
  };

  return {
    tally,
    count,
    areOver: () => areOver,
    end: () => {
      areOver = true;
    },
    has: (kind: FaultKind) => !areOver && present.get(kind) === true,
    /** True with this chance, and then it is counted. */
    strikes(kind: FaultKind, chance: number): boolean {
      if (areOver || present.get(kind) !== true || random() >= chance) return false;
      count(kind);
      return true;
    },
  };
}

export type Faults = ReturnType<typeof faultsOf>;

function isFamily(name: string): name is Family {
  return name in families;
}
