/** A character, or any one (null), and how often. */
type Piece = { character: string | null; isOptional: boolean; isRepeated: boolean };

const piece = /(?:\\([.\-/])|\[([.])\]|(\.)|([\w\-/:@ ]))([*+?]?)/y;

/**
 * Whether a pattern of a matcher is all of a text; null for a pattern that is not understood. Others wrote it, and
 * JavaScript may take for ever over one: names, `.`, `*`, `+`, `?` and alternatives are read, and it is not run. Time in
 * proportion to the lengths of both, multiplied. Prometheus anchors patterns at both ends:
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
 */
export function isLike(pattern: string, text: string): boolean | null {
  const anchorless = pattern.replace(/^\^/, '').replace(/\$$/, '');
  const inner = /^\((?:\?:)?([^()]*)\)$/.exec(anchorless)?.[1] ?? anchorless;
  const alternatives = inner.split('|').map(piecesOf);
  if (alternatives.some((pieces) => pieces === null)) return null;
  return alternatives.some((pieces) => pieces !== null && isAll(pieces, text));
}

function piecesOf(alternative: string): Piece[] | null {
  const pieces: Piece[] = [];
  for (let offset = 0; offset < alternative.length; offset = piece.lastIndex) {
    piece.lastIndex = offset;
    const [whole, escaped, listed, any, plain, often] = piece.exec(alternative) ?? [];
    if (whole === undefined) return null;
    const character = any === undefined ? (escaped ?? listed ?? plain ?? null) : null;
    pieces.push({
      character,
      isOptional: often === '*' || often === '?',
      isRepeated: often === '*' || often === '+',
    });
  }
  return pieces;
}

/** Walks through the text with all the places of the pattern where it may stand: Thompson's simulation. */
function isAll(pieces: readonly Piece[], text: string): boolean {
  let places = withSkipped(pieces, new Set([0]));
  for (const character of text) {
    const next = [...places].flatMap((place) => placesAfter(pieces[place], place, character));
    places = withSkipped(pieces, new Set(next));
  }
  return places.has(pieces.length);
}

function placesAfter(here: Piece | undefined, place: number, character: string): number[] {
  if (here === undefined || (here.character !== null && here.character !== character)) return [];
  return here.isRepeated ? [place, place + 1] : [place + 1];
}

/** A set is walked through with what is added to it on the way. */
function withSkipped(pieces: readonly Piece[], places: Set<number>): Set<number> {
  for (const place of places) {
    if (pieces[place]?.isOptional === true) places.add(place + 1);
  }
  return places;
}
