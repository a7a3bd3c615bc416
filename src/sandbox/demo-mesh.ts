import { ledgerMesh } from './ledger-mesh.ts';
import type { MeshSpec } from './mesh-spec.ts';
import { paymentMesh } from './payment-mesh.ts';
import { egressObjects } from './platform.ts';

/**
 * The mesh of the demo: payment-service, split by subsets of one host, ledger, split by hosts, and a gateway through
 * which the card network would be called.
 */
export function demoMesh(): MeshSpec {
  return joined([paymentMesh(), ledgerMesh(), { services: [], objects: egressObjects() }]);
}

/** Several meshes as one. */
export function joined(meshes: readonly MeshSpec[]): MeshSpec {
  return {
    services: meshes.flatMap(({ services }) => services),
    objects: meshes.flatMap(({ objects }) => objects),
  };
}
