const RealDate = Date;

/**
 * Runs with a process clock that shows `read()`, in ms, and tells `onRead` of every look that product code takes at
 * it. Only one run at a time: the clock is the whole process's.
 */
export async function withProcessClock<Result>(
  { read, onRead }: { read: () => number; onRead: (where: string) => void },
  run: () => Promise<Result>,
): Promise<Result> {
  const look = (): number => {
    const where = new Error('where').stack?.split('\n').find((line) => line.includes('/src/'));
    if (where === undefined) return RealDate.now();
    onRead(where.trim());
    return read();
  };
  globalThis.Date = new Proxy(RealDate, {
    construct: (date, given) => Reflect.construct(date, given.length === 0 ? [look()] : given),
    get: (date, key) => (key === 'now' ? look : Reflect.get(date, key)),
  });
  try {
    return await run();
  } finally {
    globalThis.Date = RealDate;
  }
}
