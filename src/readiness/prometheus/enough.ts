/** The longest window that a plan may have, in seconds. */
const longestSeconds = 7 * 86_400;

/** The shortest window in whole seconds in which a share in percent brings so many requests; null beyond a week. */
export function shortestWindow(perSecond: number, share: number, requests: number): number | null {
  const seconds = Math.ceil(requests / (perSecond * (share / 100)));
  return seconds <= longestSeconds ? seconds : null;
}

/** The lowest share in percent, in steps of 0.1, that brings so many requests in a window; null where none does. */
export function lowestShare(perSecond: number, window: number, requests: number): number | null {
  const share = Math.ceil((requests / (perSecond * window)) * 1000) / 10;
  return share <= 100 ? share : null;
}
