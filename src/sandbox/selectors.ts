import { type JsonObject, objectAt } from './json.ts';

type Requirement = { key: string; accepts: (value: string | undefined) => boolean };

/**
 * Parses a label selector (equality and set-based). Returns a predicate over objects, or null when the text is not one.
 */
export function parseLabelSelector(text: string): ((object: JsonObject) => boolean) | null {
  const requirements = splitOutsideBrackets(text).map(parseRequirement);
  if (text.trim() === '') return () => true;
  const known = requirements.filter((one): one is Requirement => one !== null);
  if (known.length < requirements.length) return null;
  return (object) => {
    const labels = objectAt(object, 'metadata', 'labels');
    return known.every(({ key, accepts }) => {
      const value = labels[key];
      return accepts(typeof value === 'string' ? value : undefined);
    });
  };
}

function splitOutsideBrackets(text: string): string[] {
  return text.split(/,(?![^()]*\))/).map((part) => part.trim());
}

function parseRequirement(text: string): Requirement | null {
  const inSet = /^([\w./-]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(text);
  if (inSet !== null) {
    const values = (inSet[3] ?? '').split(',').map((value) => value.trim());
    const isWanted = inSet[2] === 'in';
    // A missing label is in no set: `notin` accepts it, `in` does not.
    return {
      key: inSet[1] ?? '',
      accepts: (value) => (value !== undefined && values.includes(value)) === isWanted,
    };
  }
  const compared = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(text);
  if (compared !== null) {
    const isWanted = compared[2] !== '!=';
    return { key: compared[1] ?? '', accepts: (value) => (value === compared[3]) === isWanted };
  }
  const existence = /^(!?)\s*([\w./-]+)$/.exec(text);
  if (existence === null) return null;
  const isWanted = existence[1] !== '!';
  return { key: existence[2] ?? '', accepts: (value) => (value !== undefined) === isWanted };
}
