/** Hears rings in their order; `next` waits for one. */
export function bell() {
  const heard: string[] = [];
  const waiting: ((id: string) => void)[] = [];
  return {
    ring: async (id: string): Promise<void> => {
      const next = waiting.shift();
      if (next === undefined) heard.push(id);
      else next(id);
    },
    next: (): Promise<string> => {
      const id = heard.shift();
      return id === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(id);
    },
  };
}

/** A log that remembers what was said. */
export function listeningLog() {
  const said: { fields: Record<string, unknown>; message: string }[] = [];
  return {
    said,
    warn: (fields: Record<string, unknown>, message: string): void => {
      said.push({ fields, message });
    },
  };
}
