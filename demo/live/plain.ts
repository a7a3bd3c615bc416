import { measured, percent, timeOfDay } from '../screen/numbers.ts';
import type { Poll, ScreenState } from '../screen/state.ts';
import { clean } from '../screen/text-width.ts';
import { keysIn } from './frame.ts';
import type { Streams } from './terminal.ts';

/** What is new since the last look, as lines without colours or cursor codes. */
export function newLines(before: ScreenState | null, after: ScreenState): string[] {
  const known = new Set(before?.decisions);
  const told = after.decisions.filter((decision) => !known.has(decision));
  const last = before?.polls.at(-1)?.at ?? '';
  const polls = after.polls.filter(({ at }) => at > last);
  const dated = [
    ...told.map(({ at, text }) => ({ at, text })),
    ...polls.map((poll) => ({ at: poll.at, text: inWords(poll, after) })),
  ].toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
  const lines = dated.map(({ at, text }) => `${timeOfDay(at)} ${clean(text)}`);
  const notice = after.notice !== null && after.notice !== before?.notice ? [clean(after.notice)] : [];
  const access = before?.access.length === after.access.length ? [] : after.access.map(clean);
  return [...notice, ...lines, ...access, ...endLine(before, after), ...keyLine(before, after)];
}

function inWords({ share, checks }: Poll, { release }: ScreenState): string {
  const values = checks.map(({ id, canary, verdict }) => {
    const unit = release?.checks.find((check) => check.id === id)?.unit ?? '';
    const value = canary === null ? 'no value' : measured(canary, unit);
    return `${id} ${value} ${verdict === 'fail' ? 'FAIL' : (verdict ?? '')}`.trimEnd();
  });
  const requests = checks[0]?.requests ?? null;
  return `Checks at ${percent(share)}: ${values.join(', ')}; ${Math.round(requests ?? 0)} requests.`;
}

/** Where traffic is once a status is new; the sentence of what happened comes with the events. */
function endLine(before: ScreenState | null, { release }: ScreenState): string[] {
  if (release === null || release.status === before?.release?.status) return [];
  return [
    `          ${release.status}: ${clean(release.explanation.traffic)} ${clean(release.explanation.next)}`,
  ];
}

/** The keys, whenever another one makes sense. */
function keyLine(before: ScreenState | null, { keys }: ScreenState): string[] {
  const bar = (all: ScreenState['keys']) =>
    all.flatMap(({ key, label, isOpen }) => (isOpen ? [`${key} ${label}`] : [])).join(', ');
  return bar(keys) === '' || bar(keys) === bar(before?.keys ?? []) ? [] : [`          Keys: ${bar(keys)}`];
}

/** Prints lines as they come and takes keys; for terminals that cannot move their cursor, and for `--plain`. */
export function openPlain(
  { input, output }: Streams,
  onKey: (key: string) => void,
): { show(state: ScreenState): void; close(): void } {
  let before: ScreenState | null = null;
  const onData = (data: Buffer) => keysIn(data.toString('utf8')).forEach(onKey);
  const onHangUp = () => onKey('q');
  const giveBack = () => {
    input.setRawMode(false);
  };
  input.setRawMode(true);
  input.on('data', onData).on('end', onHangUp).on('error', onHangUp);
  output.on('error', onHangUp);
  process.on('exit', giveBack);
  return {
    show: (state) => {
      for (const line of newLines(before, state)) output.write(`${line}\n`);
      before = state;
    },
    close: () => {
      giveBack();
      input.pause();
      input.off('data', onData);
      process.off('exit', giveBack);
    },
  };
}
