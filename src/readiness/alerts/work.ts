/** How much may be compared in one check, and what of it is left. */
export type Work = {
  /** False when so many steps are not left: then nothing more is done. */
  spend(steps: number): boolean;
  isSpent(): boolean;
  /** Steps until now. */
  spent(): number;
};

/** At most 0.2 s on a busy machine: other people wrote what is compared, and a turn of a rollout waits for it. */
const mostSteps = 10_000_000;

/** @param most steps, each of which is about one character looked at */
export function openWork(most = mostSteps): Work {
  let [done, isOver] = [0, false];
  return {
    spend: (steps) => {
      if (isOver || done + steps > most) isOver = true;
      else done += steps;
      return !isOver;
    },
    isSpent: () => isOver,
    spent: () => done,
  };
}
