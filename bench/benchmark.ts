export type BenchmarkOptions = {
  seeds: number[];
  /** Tells somebody who waits how far it is. */
  say: (text: string) => void;
  /** Aborts when the process is asked to end; a benchmark then ends what it started and answers early. */
  signal: AbortSignal;
};

/** What a benchmark found, as Markdown; `isWithin` is false when a bound that it checks was broken. */
export type Report = { text: string; isWithin: boolean };

export type Benchmark = (options: BenchmarkOptions) => Promise<Report>;
