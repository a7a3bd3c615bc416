/** One service that is rolled out. */
export type Place = { namespace: string; name: string };

const servicesInNamespace = 50;
/** One service of so many breaks its limits: 2 %. */
const breachEvery = 50;

/** The services of a run with so many rollouts, 50 in a namespace. */
export function fleetOf(rollouts: number): Place[] {
  return Array.from({ length: rollouts }, (_, index) => ({
    namespace: `scale-${Math.floor(index / servicesInNamespace)}`,
    name: `service-${index}`,
  }));
}

/** The services whose canary is to break its limit: 2 %, at least one. */
export function breachingOf(fleet: Place[]): Place[] {
  return fleet.filter((_, index) => index % breachEvery === 0);
}

/** What tells a service from all others. */
export function keyOf({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}
