/**
 * Waits for `work`, but no longer than `ms` milliseconds. What comes later is let go: it is neither cancelled nor
 * heard, a late failure included.
 * @returns whether the work was done in time
 * @throws what the work throws in time
 */
export async function inTime(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
