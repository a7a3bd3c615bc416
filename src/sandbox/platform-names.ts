/** Where istiod runs, and where what is written for the whole mesh stands. */
export const rootNamespace = 'istio-system';

/** Where the gateway runs through which the mesh is left. */
export const egressNamespace = 'istio-egress';
