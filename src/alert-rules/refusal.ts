/** Where in an expression something stands: how many characters come before it, and its first token. */
export type Place = { offset: number; token: string };

/** Why a rule is not taken. It leaves the parser by being thrown, and ends as a value in `recogniseRule`. */
export class Refusal extends Error {}

/** Refuses a rule; never returns. `at`: what the reason is about. */
export function refuse(why: string, at: Place | null = null): never {
  throw new Refusal(at === null ? why : `${why} (${placeWords(at)})`);
}

/** The longest token that is quoted whole. */
const longestToken = 60;

function placeWords({ offset, token }: Place): string {
  if (token === '') return `at its end, offset ${offset}`;
  const shown = token.length > longestToken ? `${token.slice(0, longestToken)}...` : token;
  return `at offset ${offset}: ${shown.replaceAll(/\s+/g, ' ')}`;
}
