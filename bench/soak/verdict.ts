/** What was seen at one moment, by the name of what was counted; null where there was nothing to count. */
export type Sample = { seconds: number; values: Readonly<Record<string, number | null>> };

/** What may be more at the end than at the beginning: a part of it, and so much besides. */
export type Bound = {
  /** Which value stands for a stretch; `least` is for what a garbage collection brings down from time to time. */
  of: 'median' | 'least';
  part: number;
  more: number;
};

export type Verdict = {
  name: string;
  /** Null without a sample. */
  first: number | null;
  last: number | null;
  /** The most that still counts as flat. */
  most: number | null;
  verdict: 'flat' | 'grows' | 'not seen';
};

/** A process still warms up: the first so many seconds, a fifth of a short run, say nothing. */
const warmUp = { seconds: 90, part: 0.2 } as const;

/** Compares the first third of a run, once it is warm, with its last third. */
export function verdictOn(samples: readonly Sample[], name: string, bound: Bound): Verdict {
  const [early, late] = thirdsOf(samples);
  const [first, last] = [typicalOf(early, name, bound), typicalOf(late, name, bound)];
  if (first === null || last === null) return { name, first, last, most: null, verdict: 'not seen' };
  const most = first * (1 + bound.part) + bound.more;
  return { name, first, last, most, verdict: last > most ? 'grows' : 'flat' };
}

function thirdsOf(samples: readonly Sample[]): [Sample[], Sample[]] {
  const end = samples.at(-1)?.seconds ?? 0;
  const warm = Math.min(warmUp.seconds, end * warmUp.part);
  const third = (end - warm) / 3;
  return [
    samples.filter(({ seconds }) => seconds >= warm && seconds < warm + third),
    samples.filter(({ seconds }) => seconds > end - third),
  ];
}

function typicalOf(samples: Sample[], name: string, { of }: Bound): number | null {
  const values = samples.flatMap((sample) => sample.values[name] ?? []).sort((a, b) => a - b);
  if (of === 'least') return values[0] ?? null;
  const [low, high] = [values[Math.floor((values.length - 1) / 2)], values[Math.floor(values.length / 2)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
