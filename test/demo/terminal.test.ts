import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { frame, keysIn } from '../../demo/live/frame.ts';
import { openTerminal } from '../../demo/live/terminal.ts';

const code = '\u001b';

describe('a frame', () => {
  it('starts at the top left and clears behind each line and below the last one', () => {
    expect(frame(['one', 'two'], 80)).toBe(`${code}[Hone${code}[K\r\ntwo${code}[K${code}[J`);
  });

  it('does not clear behind a line that fills its row, whose last character would go', () => {
    expect(frame(['ab', `${code}[32m版${code}[0m`], 2)).toBe(
      `${code}[Hab\r\n${code}[32m版${code}[0m${code}[J`,
    );
  });
});

describe('the keys in what a terminal sends', () => {
  it.each([
    ['s', ['s']],
    ['Sb', ['s', 'b']],
    ['\u0003', ['q']],
    [`${code}[A${code}[1;5C${code}OPk`, ['k']],
    [code, []],
    ['\r\n\t \u0000', []],
    ['ß版', ['ß', '版']],
  ])('%j is %j', (input, keys) => {
    expect(keysIn(input)).toEqual(keys);
  });
});

function fakeTerminal() {
  const written: string[] = [];
  const raw: boolean[] = [];
  const input = Object.assign(new EventEmitter(), {
    setRawMode: (isRaw: boolean) => void raw.push(isRaw),
    pause: () => undefined,
  });
  const output = Object.assign(new EventEmitter(), {
    columns: 80,
    rows: 24,
    writableNeedDrain: false,
    write: (text: string) => written.push(text) > 0,
  });
  const keys: string[] = [];
  const terminal = openTerminal({ input, output }, (key) => keys.push(key));
  return { written, raw, input, output, keys, terminal };
}

describe('a terminal', () => {
  it('is taken over and given back, once', () => {
    const { written, raw, terminal } = fakeTerminal();
    expect(written.join('')).toContain(`${code}[?1049h`);
    terminal.close();
    terminal.close();
    expect(written.filter((text) => text.includes(`${code}[?1049l`))).toEqual([
      `${code}[?7h${code}[?25h${code}[?1049l`,
    ]);
    expect(raw).toEqual([true, false]);
    terminal.draw(['late']);
    expect(written.join('')).not.toContain('late');
  });

  it('leaves nothing behind in the process', () => {
    const before = process.listenerCount('exit') + process.listenerCount('SIGCONT');
    fakeTerminal().terminal.close();
    expect(process.listenerCount('exit') + process.listenerCount('SIGCONT')).toBe(before);
  });

  it('draws a picture only when it is a new one', () => {
    const { written, terminal } = fakeTerminal();
    terminal.draw(['one']);
    terminal.draw(['one']);
    expect(written.filter((text) => text.includes('one'))).toHaveLength(1);
    terminal.close();
  });

  it('is cleared and drawn again when its size changes', () => {
    const { written, output, terminal } = fakeTerminal();
    terminal.draw(['one']);
    output.columns = 200;
    output.emit('resize');
    terminal.draw(['one']);
    expect(terminal.size()).toEqual({ columns: 200, rows: 24 });
    expect(written.filter((text) => text.includes('one'))).toHaveLength(2);
    terminal.close();
  });

  it('gets no picture while it cannot take one', () => {
    const { written, output, terminal } = fakeTerminal();
    output.writableNeedDrain = true;
    terminal.draw(['one']);
    expect(written.join('')).not.toContain('one');
    terminal.close();
  });

  it('quits when it goes away', () => {
    const { input, output, keys, terminal } = fakeTerminal();
    output.emit('error', new Error('EIO'));
    input.emit('end');
    expect(keys).toEqual(['q', 'q']);
    terminal.close();
  });
});
