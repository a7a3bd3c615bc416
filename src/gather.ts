/** One question; it is answered together with others that were asked at nearly the same time. */
export type Gathered<Asked, Answer> = (asked: Asked) => Promise<Answer>;

export type GatherOptions<Asked, Answer> = {
  /** How long the first question waits for others, in milliseconds. */
  waitMs: number;
  /** With so many questions nobody waits any longer. */
  most: number;
  /** How many gatherings are under way at a time; the end of one begins the next. */
  atOnce: number;
  /** Answers each question in the order in which they were asked. */
  together: (all: Asked[]) => Promise<Answer>[];
};

type Waiting<Asked, Answer> = {
  asked: Asked;
  resolve: (answer: Answer | Promise<Answer>) => void;
};

/** Collects questions that are asked within a few milliseconds, so that one statement or request answers them all. */
export function gather<Asked, Answer>(options: GatherOptions<Asked, Answer>): Gathered<Asked, Answer> {
  const { waitMs, most, atOnce, together } = options;
  const waiting: Waiting<Asked, Answer>[] = [];
  let timer: NodeJS.Timeout | null = null;
  let running = 0;

  function begin(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    while (waiting.length > 0 && running < atOnce) void run(waiting.splice(0, most));
  }

  async function run(batch: Waiting<Asked, Answer>[]): Promise<void> {
    running += 1;
    const answers = together(batch.map(({ asked }) => asked));
    batch.forEach(({ resolve }, index) => {
      const answer = answers[index];
      resolve(answer ?? Promise.reject(new Error('a gathered question was not answered')));
    });
    await Promise.allSettled(answers);
    running -= 1;
    begin();
  }

  return (asked) =>
    new Promise<Answer>((resolve) => {
      waiting.push({ asked, resolve });
      if (waiting.length >= most) begin();
      else if (timer === null && running < atOnce) timer = setTimeout(begin, waitMs);
    });
}
