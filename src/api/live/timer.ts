/** The only clock of live answers, so that a test needs no real time. */
export type Timer = {
  /** Acts once after so many milliseconds; call the answer to not act any more. */
  after(ms: number, act: () => void): () => void;
};

export const realTimer: Timer = {
  after: (ms, act) => {
    const timeout = setTimeout(act, ms);
    return () => clearTimeout(timeout);
  },
};

/** What `work` answers, or a rejection after so many milliseconds; `work` itself goes on unheard. */
export function within<T>(timer: Timer, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timer.after(ms, () => reject(new Error(`no answer within ${ms} ms`)));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Resolves after so many milliseconds. */
export function rest(timer: Timer, ms: number): Promise<void> {
  return new Promise((resolve) => {
    timer.after(ms, resolve);
  });
}
