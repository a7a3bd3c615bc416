/** Runs something after so many milliseconds; the function given back calls it off. */
export type After = (milliseconds: number, run: () => void) => () => void;

/** Timers of the real clock, which do not keep the process alive. */
export const afterRealTime: After = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
};
