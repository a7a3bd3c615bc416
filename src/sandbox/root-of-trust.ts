import { makeMeshRoot } from './certificate.ts';
import { textAt } from './json.ts';
import { put } from './publish.ts';
import { configMaps, namespaces } from './resources.ts';
import type { ObjectStore } from './store.ts';

/** The root certificate of the mesh, which every namespace has in a ConfigMap. */
export type RootOfTrust = {
  notAfter(): Date;
  /** Replaces it by one that is valid for so many days from now. */
  renew(validDays: number): Promise<void>;
};

/** What istiod gives its own root. */
const firstValidDays = 3650;

/** Makes the first root and stores it; `now` is the clock by which it is valid. */
export async function createRootOfTrust(store: ObjectStore, now: () => Date): Promise<RootOfTrust> {
  let root = await makeMeshRoot(now(), firstValidDays);
  publishRoot(store, root.pem);
  return {
    notAfter: () => root.notAfter,
    renew: async (validDays) => {
      root = await makeMeshRoot(now(), validDays);
      publishRoot(store, root.pem);
    },
  };
}

function publishRoot(store: ObjectStore, pem: string): void {
  const labels = { 'istio.io/config': 'true' };
  const object = { kind: 'ConfigMap', metadata: { labels }, data: { 'root-cert.pem': pem } };
  for (const one of store.list(namespaces)) {
    const namespace = textAt(one, 'metadata', 'name');
    put(store, configMaps, { name: 'istio-ca-root-cert', namespace }, object);
  }
}
