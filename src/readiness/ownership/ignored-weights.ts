import type { GitOpsApplication, Metadata } from '../objects.ts';
import { isLike, type Wildcard } from '../wildcards.ts';

type Rule = NonNullable<GitOpsApplication['spec']['ignoreDifferences']>[number];
type Path = readonly (string | number)[];

type Answer = boolean | 'unsure';

/**
 * Whether an Application leaves the weights of an object alone; `unsure` where an expression of jq or a glob is not
 * understood. Group and kind are globs, and a group that is not written is the core group. All of the routes' field is
 * canaryd's once it has written, which `managedFieldsManagers` goes by.
 * Source: https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/
 */
export function ignoresWeights(
  rules: readonly Rule[],
  object: Pick<Metadata, 'namespace' | 'name'>,
  weights: readonly Path[],
): Answer {
  const answers = rules.map((rule) => ({ rule, isOurs: isFor(rule, object) }));
  const ours = answers.filter(({ isOurs }) => isOurs === true).map(({ rule }) => rule);
  const surely = cover(ours, weights);
  if (surely !== false) return surely;
  const perhaps = answers.filter(({ isOurs }) => isOurs !== false).map(({ rule }) => rule);
  return cover(perhaps, weights) === false ? false : 'unsure';
}

function isFor(rule: Rule, { namespace, name }: Pick<Metadata, 'namespace' | 'name'>): Answer {
  const isNamed = (!rule.name || rule.name === name) && (!rule.namespace || rule.namespace === namespace);
  const globs = [isGlobOf(rule.group ?? '', 'networking.istio.io'), isGlobOf(rule.kind, 'VirtualService')];
  if (!isNamed || globs.includes(false)) return false;
  return globs.includes('unsure') ? 'unsure' : true;
}

function cover(rules: readonly Rule[], weights: readonly Path[]): Answer {
  if (rules.some(({ managedFieldsManagers }) => managedFieldsManagers?.includes('canaryd'))) return true;
  const pointers = rules.flatMap(({ jsonPointers }) => (jsonPointers ?? []).map(stepsOfPointer));
  const expressions = rules.flatMap(({ jqPathExpressions }) => (jqPathExpressions ?? []).map(stepsOfJq));
  const understood = [...pointers, ...expressions].filter((steps) => steps !== null);
  if (weights.every((path) => understood.some((steps) => leadsTo(steps, path)))) return true;
  return expressions.includes(null) ? 'unsure' : false;
}

/** A group is at most this long, a kind 63. */
const longestGlob = 253;

/**
 * `*` and `?` as Argo CD has them; classes, alternatives and escapes are not taken apart.
 * Source: https://github.com/gobwas/glob
 */
function isGlobOf(glob: string, text: string): Answer {
  if (glob.length > longestGlob || /[[{\\]/.test(glob)) return 'unsure';
  return isLike([...glob].map(wildcardOf), text);
}

function wildcardOf(character: string): Wildcard {
  if (character === '*') return { kind: 'run' };
  return character === '?' ? { kind: 'one' } : { kind: 'is', character };
}

/** RFC 6901. */
function stepsOfPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** `.spec.http[].route[1].weight` and the like, in which `[]` is every index; null for what is more than a path. */
function stepsOfJq(expression: string): string[] | null {
  const plain = expression
    .replaceAll(/\s+/g, '')
    .replaceAll('|.', '.')
    .replaceAll(/\["([^"]*)"\]/g, '.$1')
    .replaceAll('.[', '[')
    .replaceAll('?', '');
  if (!/^(\.\w+|\[\d*\])+$/.test(plain)) return null;
  return [...plain.matchAll(/\.(\w+)|\[(\d*)\]/g)].map(([, key, index]) => key ?? (index || '*'));
}

function leadsTo(steps: readonly string[], path: Path): boolean {
  return steps.length <= path.length && steps.every((step, at) => step === '*' || step === String(path[at]));
}
