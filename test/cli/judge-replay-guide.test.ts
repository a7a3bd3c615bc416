import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliWorld, openCli } from './cli.ts';

const guide = await readFile(new URL('../../docs/guides/judge-replay.md', import.meta.url), 'utf8');
const blocksOf = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  );
const [plan = ''] = blocksOf('yaml');
const [recording = '', line = ''] = blocksOf('json');
const [command = ''] = blocksOf('sh');
const [table = ''] = blocksOf('text');

let world: CliWorld;
beforeAll(async () => {
  world = await openCli();
  await world.write('plan.yaml', plan);
  await world.write('recording.json', recording);
});
afterAll(() => world.close());

/** The arguments of the command on the page. */
const typed = () => command.trim().split(' ').slice(1);

describe('the guide to replays', () => {
  it('shows what the command on it really prints', async () => {
    const { code, out, err } = await world.run(typed());
    expect({ code, err }).toEqual({ code: 3, err: '' });
    expect(out).toBe(table);
  });

  it('shows a line of JSON that the same command really prints', async () => {
    const { out } = await world.run(typed().map((word) => (word === '--table' ? '--json' : word)));
    const third: unknown = JSON.parse(out.split('\n')[2] ?? '');
    expect(third).toEqual(JSON.parse(line));
  });

  it('names every field of a recording', () => {
    const described = [...guide.matchAll(/^\| ((?:`[a-zA-Z.[\]]+`(?:, )?)+) \|/gm)].map(([, cell]) => cell);
    const fields = ['scrapeSeconds', 'boundsMs', 'baseline.pods', 'polls[].at', 'polls[].share', 'buckets'];
    for (const field of fields) expect(described).toContain(`\`${field}\``);
    expect(described).toContain('`polls[].canary`, `polls[].stable`');
  });
});
