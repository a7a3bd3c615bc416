export type Sample = { name: string; labels: Record<string, string>; value: number };

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/y;

/** Reads the Prometheus text format strictly: a line that is neither a comment nor a sample is an error. */
export function samplesOf(text: string): Sample[] {
  const lines = text.split('\n').filter((one) => one !== '' && !one.startsWith('#'));
  return lines.map((one) => {
    const [, name, labels = '', value] = line.exec(one) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) throw new Error(`not a sample: ${one}`);
    return { name, labels: labelsOf(labels), value: Number(value) };
  });
}

function labelsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < text.length) {
    const pair = label.exec(text);
    if (pair === null) throw new Error(`not labels: ${text}`);
    found[pair[1] ?? ''] = pair[2] ?? '';
  }
  return found;
}
