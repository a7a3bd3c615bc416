import ts from 'typescript';

/** Names that bring in the time, chance or the outside world without being handed over. */
const outsideNames = new Set([
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'randomUUID',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);
const outsideMembers = new Set(['AbortSignal.timeout', 'Date.now', 'Math.random', 'Temporal.Now']);

/**
 * The places where a source text takes a clock, a random number or the outside world by itself, as `line: what`.
 * Comments, strings and types do not count, and neither does a member with such a name (`door.fetch`).
 */
export function hiddenInputs(text: string): string[] {
  const file = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const what = outsideOf(node);
    if (what !== null) found.push(`${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);
    if (!ts.isTypeNode(node)) ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function outsideOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node)) return nodeModule(node.moduleSpecifier);
  if (ts.isIdentifier(node)) return outsideNames.has(node.text) && isValue(node) ? node.text : null;
  if (ts.isPropertyAccessExpression(node)) {
    const member = `${node.expression.getText()}.${node.name.text}`;
    return outsideMembers.has(member) ? member : null;
  }
  return clockOf(node) ?? importOf(node);
}

function nodeModule(specifier: ts.Expression): string | null {
  return ts.isStringLiteral(specifier) && specifier.text.startsWith('node:') ? specifier.text : null;
}

function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  const isNameOfMember =
    ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent);
  return !(isNameOfMember && parent.name === node);
}

function clockOf(node: ts.Node): string | null {
  const isDate =
    (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'Date';
  if (!isDate) return null;
  // Called as a function, Date answers the present whatever it is given.
  return ts.isCallExpression(node) || (node.arguments ?? []).length === 0 ? 'the present Date' : null;
}

function importOf(node: ts.Node): string | null {
  if (ts.isMetaProperty(node)) return 'import.meta';
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
    ? 'import()'
    : null;
}
