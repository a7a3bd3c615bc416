import type { EventEmitter } from 'node:events';
import type { Size } from '../screen/state.ts';
import { enter, frame, keysIn, leave } from './frame.ts';

/** Where the live view is shown and where its keys come from. */
export type Terminal = {
  size(): Size;
  /** Shows these lines, unless they are shown already. */
  draw(lines: string[]): void;
  /** Gives the terminal back as it was; may be called again. */
  close(): void;
};

/** As much of a terminal's two streams as is used here. */
export type Streams = {
  input: EventEmitter & { setRawMode(isRaw: boolean): unknown; pause(): unknown };
  output: EventEmitter & {
    columns: number;
    rows: number;
    writableNeedDrain: boolean;
    write(text: string): boolean;
  };
};

/** Takes over the terminal. It is given back by `close`, and when the process exits, whatever the reason. */
export function openTerminal({ input, output }: Streams, onKey: (key: string) => void): Terminal {
  let shown = '';
  let isOpen = true;
  const size = () => ({ columns: output.columns || 80, rows: output.rows || 24 });
  const begin = () => {
    shown = '';
    input.setRawMode(true);
    output.write(enter);
  };
  const onData = (data: Buffer) => keysIn(data.toString('utf8')).forEach(onKey);
  const onResize = () => {
    shown = '';
    output.write('\u001b[2J');
  };
  const onHangUp = () => onKey('q');
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    output.write(leave);
    input.setRawMode(false);
    input.pause();
    input.off('data', onData);
    output.off('resize', onResize);
    process.off('SIGCONT', begin);
    process.off('exit', close);
  };
  input.on('data', onData).on('end', onHangUp).on('error', onHangUp);
  // A terminal that has gone away is no reason to leave servers behind.
  output.on('resize', onResize).on('error', onHangUp);
  process.on('SIGCONT', begin);
  process.on('exit', close);
  begin();
  return {
    size,
    close,
    draw: (lines) => {
      const next = frame(lines, size().columns);
      // A slow line gets fewer pictures, not older ones.
      if (!isOpen || next === shown || output.writableNeedDrain) return;
      shown = next;
      output.write(next);
    },
  };
}
