import { setTimeout as wait } from 'node:timers/promises';
import { type Stack, startStack } from '../../local/stack.ts';
import { accessTo, doctorOf } from '../access.ts';
import { clientOf } from '../client.ts';
import { wrapped } from '../screen/line.ts';
import { screen } from '../screen/screen.ts';
import type { ScreenState } from '../screen/state.ts';
import { clean } from '../screen/text-width.ts';
import { firstMemory } from './memory.ts';
import { openPlain } from './plain.ts';
import { type Access, type Look, screenStateOf } from './screen-state.ts';
import { createSession, type Session } from './session.ts';
import { openTerminal, type Streams } from './terminal.ts';
import { worldOf } from './world.ts';

export type LiveOptions = { seed: number; view: 'screen' | 'plain'; look: Look };

/** Four pictures a second, and as many looks at canaryd. */
const pictureMs = 250;

type Face = { show(state: ScreenState): void; close(): void };

/**
 * The live demo on a terminal: starts everything, begins a release and takes keys until somebody quits. Answers the
 * exit code: 0 after `q` or Ctrl-C, 128 and more after a signal. Gives the terminal back and ends everything that it
 * started however it ends; throws what went wrong after that.
 */
export async function runLive({ seed, view, look }: LiveOptions): Promise<number> {
  const keys = keyQueue(() => notice('Stopping ... (Ctrl-C again: at once)'));
  const streams = { input: process.stdin, output: process.stdout };
  const face = view === 'screen' ? openScreen(streams, keys.add) : openPlain(streams, keys.add);
  const notice = (text: string) => face.show(waiting(look, text));
  let stack: Stack | null = null;
  let session: Session | null = null;
  try {
    stack = await Promise.race([startStack({ seed, say: notice }), keys.crashed]);
    session = createSession({ client: clientOf(stack), world: worldOf(stack), nowMs: Date.now });
    if (!keys.hasQuit())
      await Promise.race([
        sit(session, { keys, face, shown: { look, access: [...accessTo(stack), ...doctorOf(stack)] } }),
        keys.crashed,
      ]);
    return keys.exitCode();
  } finally {
    await stack?.close();
    face.close();
    for (const line of lastWords(session)) process.stdout.write(`${line}\n`);
    if (stack !== null) process.stdout.write('Stopped; nothing is left running.\n');
  }
}

type Keys = ReturnType<typeof keyQueue>;

/** Keys, looks and pictures go on beside each other: an answer that is late stops none of the others. */
async function sit(
  session: Session,
  { keys, face, shown }: { keys: Keys; face: Face; shown: { look: Look; access: Access } },
): Promise<void> {
  const untilQuit = async (turn: () => unknown) => {
    for (; !keys.hasQuit(); await wait(pictureMs)) await turn();
  };
  // Something has to move before anybody presses a key.
  keys.add('n');
  await Promise.race([
    untilQuit(() => session.look()),
    untilQuit(() => face.show(screenStateOf(session.memory(), shown, Date.now()))),
    untilQuit(async () => {
      for (const key of keys.take()) await session.press(key);
    }),
  ]);
}

/** The screen vanishes; where the last release stood does not. */
function lastWords(session: Session | null): string[] {
  const release = session?.memory().release;
  if (release === undefined || release === null) return [];
  const { versions, explanation } = release;
  const said = `${versions.stable} to ${versions.canary}: ${clean(explanation.what)} ${clean(explanation.traffic)}`;
  return wrapped(said, Math.min(80, process.stdout.columns || 80));
}

function openScreen(streams: Streams, onKey: (key: string) => void): Face {
  const terminal = openTerminal(streams, onKey);
  return {
    show: (state) => {
      const { columns, rows } = terminal.size();
      terminal.draw(screen(state, columns, rows));
    },
    close: terminal.close,
  };
}

function waiting(look: Look, text: string): ScreenState {
  const state = screenStateOf(firstMemory(''), { look }, 0);
  return { ...state, notice: text, keys: [{ key: 'q', label: 'quit', isOpen: true }] };
}

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Keys that wait for their turn, and everything else that may end the demo. */
function keyQueue(onQuit: () => void) {
  let waitingKeys: string[] = [];
  let quitCode: number | null = null;
  const quit = (code: number) => {
    quitCode ??= code;
    onQuit();
  };
  const add = (key: string) => {
    // Whoever asks twice does not want to wait; what was started goes with this process.
    if (key === 'q' && quitCode !== null) process.exit(130);
    if (key === 'q') quit(0);
    else waitingKeys.push(key);
  };
  for (const [signal, code] of Object.entries(signals)) process.on(signal, () => quit(code));
  const crashed = new Promise<never>((_, reject) => {
    // Otherwise the message would be printed on a screen that is about to vanish, and servers would stay.
    process.on('uncaughtException', reject);
  });
  crashed.catch(() => undefined);
  return {
    add,
    take: () => {
      const keys = waitingKeys;
      waitingKeys = [];
      return keys;
    },
    hasQuit: () => quitCode !== null,
    exitCode: () => quitCode ?? 0,
    crashed,
  };
}
