import { z } from 'zod';

type Node = z.core.JSONSchema.BaseSchema;
type Subschema = z.core.JSONSchema._JSONSchema | undefined;

/** What a schema knows at one place: the names of properties, and the values that an enumeration allows. */
export type Known = { properties: string[]; values: string[] };

/**
 * Looks up what may stand at a path, from the schema alone, so that a misspelled name can be answered with the
 * right one. `data` is what was sent: it tells which member of a tagged union was meant.
 */
export function knownAt(schema: z.ZodType, path: readonly PropertyKey[], data: unknown): Known {
  let nodes = membersOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), data);
  let value = data;
  for (const segment of path) {
    value = childOf(value, segment);
    nodes = nodes.flatMap((node) => membersOf(subschemaAt(node, segment), value));
  }
  return {
    properties: [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))],
    values: [...new Set(nodes.flatMap(valuesOf))],
  };
}

/** What stands at a path of parsed JSON; undefined where there is nothing. */
export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(childOf, data);
}

/** The known name that a misspelled one most likely means: at most two letters away, and one in short names. */
export function nearest(misspelled: string, names: readonly string[]): string | null {
  if (misspelled.length > 40) return null;
  const written = misspelled.toLowerCase();
  const near = names
    .map((name) => ({ name, distance: editDistance(written, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= (name.length <= 4 ? 1 : 2))
    .sort((left, right) => left.distance - right.distance);
  return near[0]?.name ?? null;
}

/** The question whether the nearest of the known names was meant, for the end of a sentence; null when none is near. */
export function didYouMean(misspelled: string, names: readonly string[]): string | null {
  const meant = nearest(misspelled, names);
  return meant === null ? null : `did you mean "${meant}"?`;
}

/** Names for the middle of a sentence: each in quotes, separated by commas. */
export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function childOf(value: unknown, segment: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
  return Reflect.get(value, segment);
}

function subschemaAt(node: Node, segment: PropertyKey): Subschema {
  if (typeof segment === 'number') return Array.isArray(node.items) ? undefined : node.items;
  return node.properties?.[String(segment)] ?? node.additionalProperties;
}

/** A schema as the list of its plain members, without those whose tag says that they were not meant. */
function membersOf(schema: Subschema, value: unknown): Node[] {
  if (schema === undefined || typeof schema === 'boolean') return [];
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (options.length === 0) return [schema];
  const members = options.flatMap((option) => membersOf(option, value));
  const meant = members.filter((member) => isMeant(member, value));
  return meant.length > 0 ? meant : members;
}

function isMeant(node: Node, value: unknown): boolean {
  const tags = Object.entries(node.properties ?? {}).filter(
    ([, at]) => typeof at === 'object' && 'const' in at,
  );
  return tags.every(([name, at]) => typeof at === 'object' && childOf(value, name) === at.const);
}

function valuesOf(node: Node): string[] {
  const values = 'const' in node ? [node.const] : (node.enum ?? []);
  return values.filter((value) => typeof value === 'string');
}

/** Levenshtein distance: insertions, deletions and substitutions of one letter. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...left].entries()) row = nextRow(row, index + 1, letter, right);
  return row.at(-1) ?? 0;
}

function nextRow(above: number[], first: number, letter: string, right: string): number[] {
  const row = [first];
  for (const [index, other] of [...right].entries()) {
    const substituted = (above[index] ?? 0) + (letter === other ? 0 : 1);
    row.push(Math.min(substituted, (above[index + 1] ?? 0) + 1, (row[index] ?? 0) + 1));
  }
  return row;
}
