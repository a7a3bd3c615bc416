import { screenLines } from '../screen/screen.ts';
import type { ScreenState } from '../screen/state.ts';
import { svgOf } from './svg.ts';

const size = { columns: 100, rows: 32 };

/** The picture of the README: the live view at this state. */
export function pictureOf(state: ScreenState): string {
  const { release } = state;
  const title =
    release === null
      ? 'The live view of canaryd'
      : `The live view of canaryd: ${release.explanation.what} ${release.explanation.traffic}`;
  return svgOf(screenLines(state, size), size.columns, title);
}
