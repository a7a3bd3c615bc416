/** A placeholder of a query template, and what stands around it. */
export type Placeholder = {
  kind: 'placeholder';
  name: string;
  /** What stands before the quotes that it is in, without blanks at its end; null outside of quotes. */
  quotedAfter: string | null;
};

export type TemplatePart = { kind: 'text'; text: string } | Placeholder;

/** A template as its parts, or what is wrong with how it is written, as a phrase. */
export type TemplateRead = { kind: 'parts'; parts: TemplatePart[] } | { kind: 'faulty'; says: string };

const pieces = /\{\{([^{}]*)\}\}|\\[\s\S]|["'`#]/g;

/** The quotes that are open, and what stands before them; null outside of quotes. */
type Quote = { mark: string; after: string } | null;

/** Takes a query template apart. */
export function readTemplate(query: string): TemplateRead {
  const parts: TemplatePart[] = [];
  let quote: Quote = null;
  let at = 0;
  for (const { 0: piece, 1: inner, index } of query.matchAll(pieces)) {
    if (inner !== undefined) {
      parts.push({ kind: 'text', text: query.slice(at, index) });
      parts.push({ kind: 'placeholder', name: inner.trim(), quotedAfter: quote?.after ?? null });
      at = index + piece.length;
      continue;
    }
    if (quote === null && piece === '#') return { kind: 'faulty', says: 'has a comment: take it out' };
    quote = quoteAfter(quote, piece, query.slice(0, index));
  }
  parts.push({ kind: 'text', text: query.slice(at) });
  if (quote !== null) return { kind: 'faulty', says: 'has quotes that do not end' };
  const isBroken = parts.some((part) => part.kind === 'text' && part.text.includes('{{'));
  if (isBroken) return { kind: 'faulty', says: 'has a {{ that is no placeholder such as {{version}}' };
  return { kind: 'parts', parts };
}

/**
 * Quotes and escapes are those of PromQL's string literals, of which one in backticks has no escapes:
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
 */
function quoteAfter(quote: Quote, piece: string, before: string): Quote {
  const isMark = piece.length === 1;
  if (quote === null) return isMark ? { mark: piece, after: before.trimEnd() } : null;
  const isEnd = piece === quote.mark || (quote.mark === '`' && piece === '\\`');
  return isEnd ? null : quote;
}
