import { z } from 'zod';
import { findResourceType } from '../../src/sandbox/resources.ts';
import { type Sandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { service } from '../scenarios.ts';

/** What lets the callers of payment-service in, where all else is denied. */
export const accessPolicy = `allow-callers-of-${service}`;

const Policy = z.looseObject({ spec: z.record(z.string(), z.json()) });

/** Lets the callers reach one version only, or all of them again when none is named. */
export function letCallersReach({ store }: Pick<Sandbox, 'store'>, version: string | null): void {
  const type = findResourceType('security.istio.io', 'v1', 'authorizationpolicies');
  const object = type && store.get({ type, namespace: 'payment-prod', name: accessPolicy });
  if (!object) throw new Error(`the sandbox has no AuthorizationPolicy ${accessPolicy}`);
  const matchLabels = { app: service, ...(version === null ? {} : { version }) };
  storeObject(store, { ...object, spec: { ...Policy.parse(object).spec, selector: { matchLabels } } });
}
