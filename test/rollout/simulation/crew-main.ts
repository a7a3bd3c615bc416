import { Portion } from './crew.ts';
import { simulate } from './simulation.ts';
import { added, emptySummary, summaryOf } from './summary.ts';

/** One process of the crew: runs the seeds that it is sent, and answers what became of them. */
process.on('message', (message) => {
  const { from, count } = Portion.parse(message);
  void run(from, count);
});
// Nobody is there any more who could read an answer.
process.on('disconnect', () => process.exit(0));

async function run(from: number, count: number): Promise<void> {
  let sum = emptySummary();
  for (let seed = from; seed < from + count; seed += 1) sum = added(sum, summaryOf(await simulate(seed)));
  process.send?.(sum);
}
