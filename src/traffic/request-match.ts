import type { RequestMatch, TextMatch } from '../rollout/managed-route.ts';
import { matchFault } from '../rollout/match-fault.ts';
import { cookieRegex } from './cookie-match.ts';
import { isRecord, without } from './same-json.ts';
import {
  type Condition,
  conditionInWords,
  conditionOf,
  type Relation,
  relate,
  relateIgnoringCase,
} from './text-match.ts';
import { isMisshapen, type Misshapen, misshapen, type Path } from './virtual-service.ts';

/** A match block (HTTPMatchRequest) of a route. */
type Block = Record<string, unknown>;

/** The route whose match is narrowed, as it stands at a path. `by` is the name of what narrows it, for people. */
export type Narrowing = { route: Record<string, unknown>; at: Path; by: string };

/**
 * The match blocks of the requests that a route matches and that match one of `asked` as well: the cross product of
 * both lists, because blocks are alternatives and the parts of a block are not. A pair that no request can match is left
 * out. Refused is what no block can say, and what no request at all could match.
 */
export function narrowedMatch(narrowing: Narrowing, asked: readonly RequestMatch[]): Block[] | Misshapen {
  const { route, at } = narrowing;
  const own = blocksOf(route['match']);
  if (own === null) {
    return misshapen('unsupported-shape', [...at, 'match'], 'not understood: write a list of match blocks');
  }
  const pairs = own.flatMap((block, index) => {
    const place = { ...narrowing, at: own === anyRequest ? at : [...at, 'match', index] };
    return asked.map((one) => bothOf(place, block, one));
  });
  const refused = pairs.find((pair) => pair.kind === 'refused');
  if (refused !== undefined) return refused.refusal;
  const blocks = pairs.flatMap((pair) => (pair.kind === 'block' ? [pair.block] : []));
  const impossible = pairs.find((pair) => pair.kind === 'impossible');
  return blocks.length === 0 && impossible !== undefined ? impossible.refusal : blocks;
}

const anyRequest: Block[] = [{}];

function blocksOf(match: unknown): Block[] | null {
  if (match === undefined) return anyRequest;
  if (!Array.isArray(match)) return null;
  const blocks = match.filter(isRecord);
  if (blocks.length < match.length) return null;
  return blocks.length === 0 ? anyRequest : blocks;
}

type Both =
  | { kind: 'block'; block: Block }
  | { kind: 'impossible'; refusal: Misshapen }
  | { kind: 'refused'; refusal: Misshapen };

function bothOf(narrowing: Narrowing, block: Block, asked: RequestMatch): Both {
  const parts = partsOf(narrowing, asked);
  if (isMisshapen(parts)) return { kind: 'refused', refusal: parts };
  const start: Both = { kind: 'block', block };
  return parts.reduce<Both>(
    (before, part) => (before.kind === 'block' ? withPart(narrowing, before.block, part) : before),
    start,
  );
}

/** One condition of a step; `header` is null for the method and the uri. */
type Part = { field: 'headers' | 'method' | 'uri'; header: string | null; match: TextMatch };

function partsOf({ at, by }: Narrowing, asked: RequestMatch): Part[] | Misshapen {
  const { headers = {}, cookies = {}, method, uri } = asked;
  const named = Object.entries(headers).map(([header, match]): Part => ({ field: 'headers', header, match }));
  const fault = matchFault(asked);
  if (fault !== null) return misshapen('unsupported-shape', [...at, 'match'], `${by} ${fault.why}`);
  const pairs = Object.entries(cookies);
  return [
    ...named,
    ...(pairs.length === 0 ? [] : [cookiePart(pairs)]),
    ...(method === undefined ? [] : [{ field: 'method' as const, header: null, match: method }]),
    ...(uri === undefined ? [] : [{ field: 'uri' as const, header: null, match: uri }]),
  ];
}

function cookiePart(pairs: [string, TextMatch][]): Part {
  return { field: 'headers', header: 'cookie', match: { regex: cookieRegex(pairs) } };
}

function withPart(narrowing: Narrowing, block: Block, part: Part): Both {
  const excluded = findExcluded(narrowing, block, part);
  if (excluded !== null) return { kind: 'impossible', refusal: excluded };
  const { at, standing } = standingAt(narrowing, block, part);
  const wanted = conditionOf(part.match);
  const relation = standing === null ? 'secondNarrower' : relationOf(block, part, standing, wanted);
  if (relation === 'same' || relation === 'firstNarrower') return { kind: 'block', block };
  if (relation === 'secondNarrower') return withMatch(narrowing, block, part);
  const refusal = conflict({ ...narrowing, at }, relation, standing, wanted);
  return { kind: relation === 'unknown' ? 'refused' : 'impossible', refusal };
}

/** The condition that a block has already where a part would put one; null where it has none. */
function standingAt(
  { at }: Narrowing,
  block: Block,
  { field, header }: Part,
): { at: Path; standing: Condition | null } {
  const key = keyOf(block, header);
  const match = header === null ? block[field] : headersOf(block)[key];
  return {
    at: [...at, field, ...(header === null ? [] : [key])],
    standing: match === undefined ? null : conditionOf(match),
  };
}

/** Names of headers are not case-sensitive, so the one that stands there may be written in another way. */
function keyOf(block: Block, header: string | null): string {
  return Object.keys(headersOf(block)).find((name) => name.toLowerCase() === header) ?? header ?? '';
}

function headersOf(block: Block, field = 'headers'): Record<string, unknown> {
  const headers = block[field];
  return isRecord(headers) ? headers : {};
}

function relationOf(block: Block, { field }: Part, standing: Condition, wanted: Condition): Relation {
  return field === 'uri' && block['ignoreUriCase'] === true
    ? relateIgnoringCase(standing, wanted)
    : relate(standing, wanted);
}

function withMatch(narrowing: Narrowing, block: Block, { field, header, match }: Part): Both {
  if (field === 'uri') return withUri(narrowing, block, match);
  const headers = { ...headersOf(block), [keyOf(block, header)]: match };
  return { kind: 'block', block: { ...block, ...(field === 'headers' ? { headers } : { [field]: match }) } };
}

/** Envoy puts the rewrite in the place of what the uri has matched, so another uri would be rewritten in another way. */
function withUri({ route, at, by }: Narrowing, block: Block, match: TextMatch): Both {
  const rewrite = isRecord(route['rewrite']) ? route['rewrite']['uri'] : undefined;
  if (rewrite !== undefined) {
    const why = `the route rewrites the part of the uri that it has matched, so that with the uri of ${by} (${conditionInWords(match)}) the canary would get other paths: match by a header, a cookie or the method`;
    const path = [...at.slice(0, 3), 'rewrite', 'uri'];
    return { kind: 'refused', refusal: misshapen('unsupported-shape', path, why) };
  }
  return { kind: 'block', block: { ...without(block, ['ignoreUriCase']), uri: match } };
}

/** A route that leaves out a header does not get the requests that have it. */
function findExcluded({ at, by }: Narrowing, block: Block, { header, match }: Part): Misshapen | null {
  const excluded = headersOf(block, 'withoutHeaders');
  const key = Object.keys(excluded).find((name) => name.toLowerCase() === header);
  if (key === undefined) return null;
  const relation = relate(conditionOf(excluded[key]), conditionOf(match));
  if (relation !== 'same' && relation !== 'secondNarrower') return null;
  const why = `this route gets no request that ${by} matches by the header ${key}: take it out here, or match by another header`;
  return misshapen('unsupported-shape', [...at, 'withoutHeaders', key], why);
}

function conflict(
  { at, by }: Narrowing,
  relation: 'unknown' | 'disjoint',
  standing: Condition | null,
  wanted: Condition,
): Misshapen {
  const both = `the route matches ${conditionInWords(standing ?? wanted)} and ${by} ${conditionInWords(wanted)}`;
  const why =
    relation === 'disjoint'
      ? `${both}, so no request could match both: match a part of what the route does, or by something else`
      : `${both}, which Istio cannot ask of one request at once: write the same there, or match by another header`;
  return misshapen('unsupported-shape', at, why);
}
