import { z } from 'zod';

/** Texts of other people's objects end up in one line of a message. */
const longestText = 60;
const longestWords = 300;
const mostBlocks = 5;

/**
 * Which requests or connections the `match` of a route takes, in words: any of its blocks, each of them with all that
 * it names. Fields that are not known here are named as they are called.
 */
export function matchInWords(match: unknown, every: 'every request' | 'every connection'): string {
  const blocks = Blocks.safeParse(match).data ?? [];
  if (blocks.length === 0) return every;
  const shown = blocks.slice(0, mostBlocks).map((block) => blockInWords(block, every));
  const left = blocks.length - shown.length;
  const words = [...shown, ...(left > 0 ? [`${left} more`] : [])].join(', or ');
  return words.length > longestWords ? `${words.slice(0, longestWords)}...` : words;
}

/** A name or a value of somebody else's object, fit for one line. */
export function shortened(text: string): string {
  const cut = text.length > longestText ? `${text.slice(0, longestText)}...` : text;
  return JSON.stringify(cut);
}

const Blocks = z.array(z.record(z.string(), z.unknown()));
const Texts = z.array(z.string());
const Entries = z.record(z.string(), z.unknown());

function blockInWords(block: Record<string, unknown>, every: string): string {
  const said = Object.entries(block).flatMap(([field, value]) => saidOf(field, value));
  return said.length === 0 ? every : said.join(' and ');
}

/** These name or count a route and match nothing. */
const silent = new Set(['name', 'statPrefix', 'ignoreUriCase']);

function saidOf(field: string, value: unknown): string[] {
  if (silent.has(field)) return [];
  const say = sayings[field];
  const said = say === undefined ? null : say(value);
  return said === null ? [`${plain(field)} as written there`] : said;
}

type Saying = (value: unknown) => string[] | null;

const sayings: Record<string, Saying> = {
  uri: text('uri'),
  scheme: text('scheme'),
  method: text('method'),
  authority: text('authority'),
  headers: each('header'),
  withoutHeaders: (value) => entries(value, (name, of) => `not header ${plain(name)} ${textInWords(of)}`),
  queryParams: each('query parameter'),
  port: (value) => (typeof value === 'number' ? [`port ${value}`] : null),
  gateways: list('through gateway'),
  sourceLabels: (value) => entries(value, (name, of) => `callers with ${plain(name)}=${shownValue(of)}`),
  sourceNamespace: (value) => (typeof value === 'string' ? [`callers in namespace ${plain(value)}`] : null),
  sniHosts: list('SNI'),
  destinationSubnets: list('to subnet'),
  sourceSubnet: (value) => (typeof value === 'string' ? [`from subnet ${plain(value)}`] : null),
};

function text(what: string): Saying {
  return (value) => [`${what} ${textInWords(value)}`];
}

function each(what: string): Saying {
  return (value) => entries(value, (name, of) => `${what} ${plain(name)} ${textInWords(of)}`);
}

function list(what: string): Saying {
  return (value) => {
    const texts = Texts.safeParse(value).data;
    return texts === undefined ? null : [`${what} ${texts.map(plain).join(' or ')}`];
  };
}

function entries(value: unknown, say: (name: string, of: unknown) => string): string[] | null {
  const found = Entries.safeParse(value).data;
  return found === undefined ? null : Object.entries(found).map(([name, of]) => say(name, of));
}

const Exact = z.object({ exact: z.string() });
const Prefix = z.object({ prefix: z.string() });
const Regex = z.object({ regex: z.string() });

/** How a text is matched; an empty match of Istio is met by any value. */
function textInWords(match: unknown): string {
  const exact = Exact.safeParse(match).data;
  if (exact !== undefined) return `is ${shortened(exact.exact)}`;
  const prefix = Prefix.safeParse(match).data;
  if (prefix !== undefined) return `begins with ${shortened(prefix.prefix)}`;
  const regex = Regex.safeParse(match).data;
  return regex === undefined ? 'is present' : `matches ${shortened(regex.regex)}`;
}

function shownValue(value: unknown): string {
  return typeof value === 'string' ? plain(value) : 'something';
}

/** As it is where it is a name, quoted where it is not. */
function plain(text: string): string {
  return /^[\w./:*-]{1,60}$/.test(text) ? text : shortened(text);
}
