/** A text as a regular expression (RE2) that matches nothing else. */
export function quoted(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
