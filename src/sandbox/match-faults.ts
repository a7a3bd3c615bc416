import { at, isObject, type Json, listAt } from './json.ts';

/** What istiod's webhook finds wrong with the match of an http route. */
export function matchFaults(route: Json): string[] {
  return listAt(route, 'match').flatMap((match) =>
    Object.entries(isObject(match) ? match : {}).flatMap(([key, value]) => fieldFaults(key, value)),
  );
}

/** Maps of conditions, by the name that istiod calls them; all others are one condition. */
const mapsOfConditions = ['headers', 'withoutHeaders', 'queryParams'];

function fieldFaults(key: string, value: Json): string[] {
  if (!mapsOfConditions.includes(key)) return conditionFaults(key, value);
  const entries = Object.entries(isObject(value) ? value : {});
  const names = entries.flatMap(([name]) => (key === 'queryParams' ? [] : headerNameFaults(name)));
  const present = (one: Json) => key === 'withoutHeaders' && at(one, 'regex') === '*';
  return [...names, ...entries.flatMap(([, one]) => (present(one) ? [] : conditionFaults(key, one)))];
}

function headerNameFaults(name: string): string[] {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) || name.startsWith('@request.auth.claims')
    ? []
    : [`header name ${name} is not a valid header name`];
}

/** Only a uri may begin with anything: Envoy accepts an empty prefix there. */
function conditionFaults(key: string, condition: Json): string[] {
  if (key !== 'uri' && at(condition, 'prefix') === '')
    return [`"${key}": prefix string match should not be empty`];
  const regex = at(condition, 'regex');
  if (regex === '') return [`"${key}": regex string match should not be empty`];
  return typeof regex === 'string' ? regexFault(key, regex) : [];
}

/** What Go's engine refuses and JavaScript's accepts is looked for, and the flags that only Go knows are left out. */
function regexFault(key: string, regex: string): string[] {
  const advice = 'Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)';
  const [perl] = /(?<!\\)\(\?(?:=|!|<=|<!)/.exec(regex) ?? [];
  if (perl !== undefined) {
    return [`"${key}": error parsing regexp: invalid or unsupported Perl syntax: \`${perl}\`; ${advice}`];
  }
  try {
    new RegExp(
      regex.replace(/\(\?[imsU-]+(:|\))/g, (_, end) => (end === ':' ? '(?:' : '')).replaceAll('(?P<', '(?<'),
    );
    return [];
  } catch {
    return [`"${key}": error parsing regexp: missing closing ): \`${regex}\`; ${advice}`];
  }
}
