import { ProblemError } from './problem.ts';

/**
 * Chooses what to answer from the `Accept` header (RFC 9110 section 12.5.1): the offered media type with the
 * highest quality, the first offered one among equals. Throws a `not-acceptable` problem when none is wanted.
 */
export function negotiate<Offer extends string>(accept: string | undefined, offers: readonly Offer[]): Offer {
  const [first] = offers;
  if (first !== undefined && (accept === undefined || accept.trim() === '')) return first;
  const ranges = (accept ?? '').split(',').map(readRange);
  const best = offers
    .map((offer) => ({ offer, quality: qualityOf(offer, ranges) }))
    .reduce((left, right) => (right.quality > left.quality ? right : left));
  if (best.quality > 0) return best.offer;
  throw new ProblemError('not-acceptable', `Offered here: ${offers.join(', ')}.`);
}

type Range = { type: string; quality: number };

function readRange(written: string): Range {
  const [type = '', ...parameters] = written.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** The most exact range that covers the offer decides. */
function qualityOf(offer: string, ranges: Range[]): number {
  const family = `${offer.split('/')[0]}/*`;
  const match = [offer, family, '*/*'].map((type) => ranges.find((range) => range.type === type));
  return match.find((range) => range !== undefined)?.quality ?? 0;
}
