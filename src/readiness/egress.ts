import type { Check } from './check.ts';
import { egressGateway } from './egress/gateway.ts';
import { networkPolicies } from './egress/network-policies.ts';
import { pins } from './egress/pins.ts';
import { registry } from './egress/registry.ts';

/** How calls leave the mesh, and whether anything treats the two versions unlike on the way. */
export const egressChecks: readonly Check[] = [registry, pins, networkPolicies, egressGateway];
