import type { Check } from './check.ts';
import { injectionLabelsAgree } from './injection/labels-agree.ts';
import { portIsHttp } from './injection/port-protocol.ts';
import { everyPodHasProxy } from './injection/proxied.ts';
import { proxiesSynced } from './injection/proxies-synced.ts';
import { proxyHasRoom } from './injection/proxy-resources.ts';
import { proxyVersionsFit } from './injection/proxy-versions.ts';
import { sidecarsShowHosts } from './injection/visibility.ts';
import { waypointServes } from './injection/waypoint.ts';

/** Whether the pods of both versions are in the mesh, and what the mesh makes of them. */
export const injectionChecks: readonly Check[] = [
  everyPodHasProxy,
  injectionLabelsAgree,
  proxyVersionsFit,
  proxyHasRoom,
  sidecarsShowHosts,
  proxiesSynced,
  portIsHttp,
  waypointServes,
];
