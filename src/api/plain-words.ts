import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** What to write in place of a value of another type, by the type that a schema asks for. */
const writes: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** The sentences that the library has of its own; they speak of its types, not of what to write. */
const libraryWords = /^(?:Invalid |Too (?:big|small)|Unrecognized )/;

/** The sentence that the schema gave a fault; null where it has only the library's. */
export function ownWords({ message }: Issue): string | null {
  return libraryWords.test(message) ? null : message;
}

/** What to write instead, in the words of the schema or in plain ones. */
export function plainWords(issue: Issue): string {
  return ownWords(issue) ?? plain(issue);
}

function plain(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `write ${nameOf(issue.expected)}`;
    case 'too_small':
      return `write ${within(issue.origin, issue.minimum, issue.inclusive === false ? 'above' : 'or more')}`;
    case 'too_big':
      return `write ${within(issue.origin, issue.maximum, issue.inclusive === false ? 'below' : 'or less')}`;
    case 'not_multiple_of':
      return `write a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return `write ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union':
      return typesOf(issue);
    case 'invalid_format':
      return 'is not written in the form that is taken here';
    case 'unrecognized_keys':
      return 'is not known';
    case 'invalid_key':
      return 'has a name that is not taken here';
    case 'invalid_element':
    case 'custom':
      return 'is not taken here';
  }
}

function nameOf(type: string): string {
  return writes[type] ?? 'a value of another type';
}

type Bound = 'above' | 'below' | 'or more' | 'or less';

/** Values whose characters, entries or properties are counted. */
const countedTypes: Record<string, string> = {
  string: 'text',
  array: 'a list',
  set: 'a list',
  object: 'an object',
  record: 'an object',
  map: 'an object',
};

function within(origin: string, limit: number | bigint, bound: Bound): string {
  const isOpen = bound === 'above' || bound === 'below';
  const amount = isOpen ? `${bound} ${limit}` : `${limit} ${bound}`;
  const type = countedTypes[origin];
  if (type !== undefined) return `${type} of length ${amount}`;
  const number = nameOf(origin === 'int' ? 'int' : 'number');
  return isOpen ? `${number} ${amount}` : `${number} of ${amount}`;
}

/** The types of a union's members, when each is refused for its type. */
function typesOf({ errors }: Extract<Issue, { code: 'invalid_union' }>): string {
  const asked = errors.flatMap((member) =>
    member.flatMap((one) =>
      one.code === 'invalid_type' && one.path.length === 0 ? [nameOf(one.expected)] : [],
    ),
  );
  return asked.length === 0 ? 'is none of what is taken here' : `write ${[...new Set(asked)].join(' or ')}`;
}
