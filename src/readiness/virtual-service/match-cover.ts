import { z } from 'zod';
import { canonical } from '../arms.ts';
import { coversHost } from '../hosts.ts';
import type { Entry } from './moved.ts';

type Match = NonNullable<Entry['match']>[number];

const Uri = z.looseObject({
  exact: z.string().optional(),
  prefix: z.string().optional(),
  regex: z.string().optional(),
});

/** True for a route that takes every request that comes by. */
export function isCatchAll({ match }: Entry): boolean {
  const blocks = match ?? [];
  return blocks.length === 0 || blocks.some((block) => conditionsOf(block).length === 0);
}

/**
 * The indexes of the match blocks of a later route that an earlier one leaves nothing of; `all` when the later one gets
 * no request at all. Only what is sure counts: two regular expressions are compared by their text.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest, by which the
 * conditions of a block hold together and one of the blocks is enough
 */
export function swallowedBlocks(earlier: Entry, later: Entry): 'all' | number[] {
  const theirs = blocksOf(earlier);
  const ours = blocksOf(later);
  const swallowed = ours.flatMap((block, index) => (theirs.some((one) => covers(one, block)) ? [index] : []));
  return swallowed.length === ours.length ? 'all' : swallowed;
}

/** A route without blocks matches as one without conditions does. */
function blocksOf({ match }: Entry): Match[] {
  return match == null || match.length === 0 ? [{}] : match;
}

function covers(earlier: Match, later: Match): boolean {
  const conditions = conditionsOf(earlier);
  const isWider = later['ignoreUriCase'] === true && earlier['ignoreUriCase'] !== true;
  if (isWider && conditions.some(([key]) => key === 'uri')) return false;
  return conditions.every(([key, wanted]) => implies(key, later[key], wanted));
}

/** What narrows a block: its name and paths that begin with `/` do not. */
function conditionsOf(block: Match): [string, unknown][] {
  return Object.entries(block).filter(
    ([key, value]) => !idle.has(key) && !isEmpty(value) && !(key === 'uri' && isEveryPath(value)),
  );
}

const idle = new Set(['name', 'statPrefix', 'ignoreUriCase']);

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function isEveryPath(value: unknown): boolean {
  const uri = Uri.safeParse(value).data;
  return uri?.prefix === '/' || uri?.regex === '.*' || uri?.regex === '/.*';
}

/** True when whatever meets `given` meets `wanted`, too. */
function implies(key: string, given: unknown, wanted: unknown): boolean {
  if (isEmpty(given)) return false;
  if (key === 'uri') return impliesPath(given, wanted);
  if (key === 'gateways' || key === 'sniHosts') return impliesList(given, wanted);
  if (key === 'headers' || key === 'queryParams' || key === 'sourceLabels') return hasAll(given, wanted);
  return canonical(given) === canonical(wanted);
}

function impliesPath(given: unknown, wanted: unknown): boolean {
  const [path, prefix] = [Uri.safeParse(given).data, Uri.safeParse(wanted).data?.prefix];
  const begins = path?.exact ?? path?.prefix;
  if (begins !== undefined && prefix !== undefined) return begins.startsWith(prefix);
  return canonical(given) === canonical(wanted);
}

const Texts = z.array(z.string());

function impliesList(given: unknown, wanted: unknown): boolean {
  const all = Texts.safeParse(wanted).data ?? [];
  return (Texts.safeParse(given).data ?? []).every((one) => all.some((other) => coversHost(other, one)));
}

const Fields = z.record(z.string(), z.unknown());

function hasAll(given: unknown, wanted: unknown): boolean {
  const theirs = Fields.safeParse(given).data ?? {};
  const needed = Object.entries(Fields.safeParse(wanted).data ?? {});
  return needed.every(([key, value]) => key in theirs && canonical(theirs[key]) === canonical(value));
}
