/**
 * A quantity of Kubernetes as a number of its unit: cores for CPU, bytes for memory; null for what is none.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function quantity(text: string | number): number | null {
  const parts = /^([+-]?(?:\d+\.?\d*|\.\d+))([a-zA-Z]{0,2}|[eE][+-]?\d+)$/.exec(String(text));
  if (parts === null) return null;
  const [, number = '', suffix = ''] = parts;
  if (/^[eE][+-]?\d+$/.test(suffix)) return Number(`${number}${suffix}`);
  const factor = factors.get(suffix);
  return factor === undefined ? null : Number(number) * factor;
}

const factors = new Map([
  ['n', 1e-9],
  ['u', 1e-6],
  ['m', 1e-3],
  ['', 1],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['T', 1e12],
  ['P', 1e15],
  ['E', 1e18],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
  ['Ti', 2 ** 40],
  ['Pi', 2 ** 50],
  ['Ei', 2 ** 60],
]);

/** True for the same amount however it is written, such as `2` and `2000m`. */
export function isSameQuantity(
  one: string | number | undefined,
  other: string | number | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  const [a, b] = [quantity(one), quantity(other)];
  if (a === null || b === null) return one === other;
  return Math.abs(a - b) <= Math.max(Math.abs(a), Math.abs(b)) * 1e-9;
}
