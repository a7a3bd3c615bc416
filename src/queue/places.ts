/** Runs work as long as there is a place for it; what finds none waits for its turn, the longest waiting first. */
export type Places = <T>(work: () => Promise<T>) => Promise<T>;

/** So many places. */
export function places(most: number): Places {
  const waiting: (() => void)[] = [];
  let taken = 0;
  return async (work) => {
    if (taken < most) taken += 1;
    // Whoever leaves hands its place on, so that nobody who came later takes it.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    }
  };
}
