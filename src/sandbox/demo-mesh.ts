import { ledgerMesh } from './ledger-mesh.ts';
import type { MeshSpec } from './mesh-spec.ts';
import { paymentMesh } from './payment-mesh.ts';

/** The mesh of the demo: payment-service, split by subsets of one host, and ledger, split by hosts. */
export function demoMesh(): MeshSpec {
  return joined([paymentMesh(), ledgerMesh()]);
}

/** Several meshes as one. */
export function joined(meshes: readonly MeshSpec[]): MeshSpec {
  return {
    services: meshes.flatMap(({ services }) => services),
    objects: meshes.flatMap(({ objects }) => objects),
  };
}
