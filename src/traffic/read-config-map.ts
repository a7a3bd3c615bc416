import { z } from 'zod';
import type { Asking } from './list-facts.ts';
import { single } from './surroundings-kinds.ts';
import { notRead, type Unread } from './surroundings-words.ts';

const ConfigMap = z.looseObject({ data: z.record(z.string(), z.string()).nullish() });

/** The data of a ConfigMap; null when there is none of this name. */
export async function readConfigMap(
  { kube, signal }: Asking,
  name: { namespace: string; name: string },
): Promise<{ kind: 'read'; value: Record<string, string> | null } | Unread> {
  const asked = { ...single.configMap, ...name };
  const read = await kube.readObject(asked, ConfigMap, signal);
  if (read.kind === 'unavailable') return notRead(asked, read);
  return { kind: 'read', value: read.kind === 'missing' ? null : (read.value.data ?? {}) };
}
