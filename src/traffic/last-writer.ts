import { z } from 'zod';
import type { Mover } from '../rollout/mover.ts';
import { annotations } from './annotations.ts';
import { fieldManager } from './field-manager.ts';

const Fields = z.record(z.string(), z.unknown());

/** One entry of `metadata.managedFields`; whatever is not understood of it is as good as absent. */
const Entry = z.looseObject({
  manager: z.string().min(1),
  operation: z.string(),
  time: z.string().optional(),
  subresource: z.string().optional(),
  fieldsV1: Fields,
});
type Entry = z.infer<typeof Entry>;

type Managed = { metadata: { [field: string]: unknown } };

/** The lists of routes; each is one field, since no key tells their items apart. */
const routeLists = ['f:http', 'f:tls', 'f:tcp'] as const;

/**
 * Who last wrote the routes of an object, by `metadata.managedFields`; null when it was canaryd or nobody knows. A write
 * that changes a list takes it from all others, so a manager that owns it beside canaryd wrote the same and moved
 * nothing. Each list is one field: this says who wrote last, not what was changed.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function lastRouteWriter(object: Managed): Mover | null {
  return lastOf(
    routeLists.map((list) => ownersOf(object, ({ fieldsV1 }) => list in fieldsAt(fieldsV1, 'f:spec'))),
  );
}

/** Who last wrote the annotations that name a rollout and its epoch; null when it was canaryd or nobody knows. */
export function lastSigner(object: Managed): Mover | null {
  const ours = [annotations.rollout, annotations.epoch].map((name) => `f:${name}`);
  return lastOf(
    ours.map((name) =>
      ownersOf(object, ({ fieldsV1 }) => name in fieldsAt(fieldsAt(fieldsV1, 'f:metadata'), 'f:annotations')),
    ),
  );
}

function ownersOf(object: Managed, owns: (entry: Entry) => boolean): Entry[] {
  const entries = z.array(z.unknown()).safeParse(object.metadata['managedFields']).data ?? [];
  return entries
    .flatMap((entry) => Entry.safeParse(entry).data ?? [])
    .filter((entry) => isMain(entry) && owns(entry));
}

/** A write of the status leaves routes as they are. */
function isMain({ subresource = '' }: Entry): boolean {
  return subresource === '';
}

function fieldsAt(fields: Record<string, unknown>, name: string): Record<string, unknown> {
  return Fields.safeParse(fields[name]).data ?? {};
}

function lastOf(fields: Entry[][]): Mover | null {
  const others = fields.filter((owners) => owners.every(({ manager }) => manager !== fieldManager)).flat();
  const [last] = others.sort((one, other) => timeOf(other) - timeOf(one));
  if (last === undefined) return null;
  return { manager: shown(last.manager), operation: shown(last.operation), at: timed(last) };
}

function timeOf({ time }: Entry): number {
  return Date.parse(time ?? '') || 0;
}

function timed(entry: Entry): string | null {
  const at = timeOf(entry);
  return at === 0 ? null : new Date(at).toISOString().replace('.000Z', 'Z');
}

/** Anybody may call a field manager what they like, and it stands in sentences and in the audit log. */
function shown(text: string): string {
  return text.replaceAll(/[^\w .@:/-]/g, '?').slice(0, 128);
}
