import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startStack } from '../../local/stack.ts';
import { clientOf, hasEnded } from '../client.ts';
import { screenStateOf } from '../live/screen-state.ts';
import { createSession, type Session } from '../live/session.ts';
import { worldOf } from '../live/world.ts';
import { ScreenState } from '../screen/state.ts';
import { pictureOf } from './draw.ts';

const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const look = { colour: true, ascii: false };
const patienceMs = 180_000;

/** How long the canary is good at 20 % before it becomes slow: long enough for the spark line to show it. */
const goodMs = 8000;

/** Runs the demo until a slow canary was rolled back, and draws what the live view shows then. */
async function main(): Promise<void> {
  const state = process.argv.includes('--redraw') ? await lastState() : await freshState();
  await writeFile(`${folder}demo.json`, `${JSON.stringify(state, null, 1)}\n`);
  const picture = pictureOf(state);
  await writeFile(`${folder}demo.svg`, picture);
  process.stdout.write(`docs/pictures/demo.svg has ${Math.ceil(picture.length / 1024)} KB.\n`);
}

/** What the last picture was made of: enough when only the drawing has changed. */
async function lastState(): Promise<ScreenState> {
  return ScreenState.parse(JSON.parse(await readFile(`${folder}demo.json`, 'utf8')));
}

async function freshState(): Promise<ScreenState> {
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  const stack = await startStack({ seed: 1, say });
  try {
    const session = createSession({ client: clientOf(stack), world: worldOf(stack), nowMs: Date.now });
    await session.press('n');
    say('A release has started. Waiting for 20 % ...');
    await until(session, ({ weight }) => weight.applied === 20);
    await wait(goodMs);
    await session.press('s');
    say('The canary is slow. Waiting for the rollback ...');
    await until(session, hasEnded);
    return screenStateOf(session.memory(), { look }, Date.now());
  } finally {
    await stack.close();
  }
}

type Release = NonNullable<ReturnType<Session['memory']>['release']>;

async function until(session: Session, holds: (release: Release) => boolean): Promise<void> {
  for (const give = Date.now() + patienceMs; Date.now() < give; await wait(100)) {
    await session.look();
    const { release } = session.memory();
    if (release !== null && holds(release)) return;
  }
  throw new Error(`the release did not get there within ${patienceMs / 1000} s`);
}

main().catch((error: unknown) => {
  process.stderr.write(`No picture: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
