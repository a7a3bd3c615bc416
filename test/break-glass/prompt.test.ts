import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { askOn } from '../../src/break-glass/surroundings.ts';

async function asked(typed: string): Promise<{ answer: string; shown: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let shown = '';
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const answer = askOn(input, output, 'Now? ');
  input.end(typed);
  return { answer: await answer, shown };
}

it('a question takes one line as its answer', async () => {
  expect(await asked('yes\n')).toEqual({ answer: 'yes', shown: 'Now? ' });
});

it('whoever leaves without an answer said nothing, and what follows begins on a line of its own', async () => {
  expect(await asked('')).toEqual({ answer: '', shown: 'Now? \n' });
});
