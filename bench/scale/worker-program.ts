import { readConfig } from '../../src/config.ts';
import { serve } from '../../src/serve/serve.ts';
import { watchTurns } from './watch-turns.ts';

const tellMs = 500;

// The product as it is, with clocks between a turn and its parts; what they saw is told to the parent process.
process.on('disconnect', () => process.exit(0));
await serve(await readConfig(process.env), (deps) => {
  const { deps: watched, take } = watchTurns(deps);
  setInterval(() => process.connected && process.send?.(take()), tellMs);
  return watched;
});
