import type { DecidingRule } from './destination-rules-of.ts';
import type { PortPolicy, TrafficPolicy } from './objects.ts';

/**
 * The policy for one port of the Service: the rule's own, then the subset's field by field. What is set for a port
 * replaces the fields that can be set there, and what it leaves out goes back to Istio's default.
 * @param subset its name; null for a destination without one
 * Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy-PortTrafficPolicy
 * and istiod's MergeTrafficPolicy.
 */
export function policyAt(rule: DecidingRule | null, subset: string | null, port: number): PortPolicy {
  const ofSubset = rule?.subsets.find(({ name }) => name === subset)?.trafficPolicy ?? null;
  return onto(onto({}, rule?.trafficPolicy ?? null, port), ofSubset, port);
}

function onto(base: PortPolicy, policy: TrafficPolicy | null, port: number): PortPolicy {
  if (policy === null) return base;
  const { portLevelSettings, ...whole } = policy;
  const set = Object.entries(whole).filter(([, value]) => value !== null && value !== undefined);
  const combined: PortPolicy = { ...base, ...Object.fromEntries(set) };
  const atPort = portLevelSettings?.find((one) => one.port?.number === port);
  if (atPort === undefined) return combined;
  const { connectionPool, outlierDetection, loadBalancer, tls } = atPort;
  return { ...combined, connectionPool, outlierDetection, loadBalancer, tls };
}
