import { type JsonObject, textAt } from './json.ts';
import type { ApiRequest } from './request.ts';
import { parseLabelSelector } from './selectors.ts';
import { badRequest, invalid, type Outcome, proceed, type Reply, refuse } from './status.ts';

/** Whether an object is wanted, by the label and field selectors of a list or a watch. */
export type Selection = { isWhole: boolean; selects(object: JsonObject): boolean };

/** Reads `labelSelector` and `fieldSelector` (names and namespaces only, as for custom resources). */
export function readSelection({ query }: ApiRequest): Outcome<Selection> {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  const matchesLabels = parseLabelSelector(labelSelector);
  if (matchesLabels === null) return refuse(badRequest(`unable to parse requirement: ${labelSelector}`));
  const matchesFields = parseFieldSelector(fieldSelector);
  if (typeof matchesFields === 'string') {
    return refuse(badRequest(`field label not supported: ${matchesFields}`));
  }
  return proceed({
    isWhole: labelSelector === '' && fieldSelector === '',
    selects: (object) => matchesLabels(object) && matchesFields(object),
  });
}

/** A predicate over name and namespace, or the name of a field that cannot be selected on. */
function parseFieldSelector(text: string): ((object: JsonObject) => boolean) | string {
  const parts = text === '' ? [] : text.split(',').map(readFieldRequirement);
  const unsupported = parts.find(({ field }) => field !== 'metadata.name' && field !== 'metadata.namespace');
  if (unsupported !== undefined) return unsupported.field;
  return (object) =>
    parts.every(({ field, value, isWanted }) => (textAt(object, ...field.split('.')) === value) === isWanted);
}

function readFieldRequirement(text: string): { field: string; value: string; isWanted: boolean } {
  const [, field = text, operator, value = ''] = /^(.*?)(==|!=|=)(.*)$/.exec(text) ?? [];
  return { field, value, isWanted: operator !== '!=' };
}

/** The 422 about one option of a list or a watch. */
export function forbiddenListOption(field: string, why: string): Reply {
  const cause = { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
  return invalid({ kind: 'ListOptions', group: 'meta.k8s.io', name: '' }, [cause]);
}

/** What Go says about a resourceVersion that is no number; null when it is one, or empty. */
export function versionMistake(asked: string): string | null {
  if (asked === '' || /^\d+$/.test(asked)) return null;
  return `resourceVersion: Invalid value: "${asked}": strconv.ParseUint: parsing "${asked}": invalid syntax`;
}
