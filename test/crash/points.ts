/** Where a worker dies, in the order of a turn, and what is true at that moment. */
export const crashPoints = {
  'before-claim': 'the turn is due, and nobody has it',
  'after-claim': 'the rollout is leased to a worker that does nothing any more',
  'before-look': 'the mesh has not been read',
  'after-look': 'the mesh was read, and nothing is decided',
  'before-intent': 'the weight is decided, and nobody knows it',
  'after-intent': 'the weight is written down, and not in the mesh',
  'before-patch': 'the patch is made, and not sent',
  'during-patch': 'the patch is on its way: nobody knows whether it arrives',
  'after-patch': 'the weight is in the mesh, and its answer was not read',
  'before-settle': 'the answer was read, and not written down',
  'after-settle': 'the weight is written down as applied, the lease given back',
  'before-ring': 'the next turn is written down, and its alarm is not set',
  'after-ring': 'the alarm is set, and the worker does not hear it',
} as const;

type CrashPoint = keyof typeof crashPoints;
type Direction = 'on' | 'back';
/** One worker's death in one turn. `service` is the one whose rollout takes that turn. */
export type Crash = { service: string; point: CrashPoint; direction: Direction };

/** A rollout that has gone back is over: no alarm follows. */
const forwardOnly: readonly string[] = ['before-ring', 'after-ring'] satisfies CrashPoint[];

/** Each point once on the way forward and once on the way back, each with a service of its own. */
export const crashes: Crash[] = Object.keys(crashPoints)
  .filter(isPoint)
  .flatMap((point) => {
    const directions: Direction[] = forwardOnly.includes(point) ? ['on'] : ['on', 'back'];
    return directions.map((direction) => ({ service: `${direction}-${point}`, point, direction }));
  });

function isPoint(name: string): name is CrashPoint {
  return name in crashPoints;
}
