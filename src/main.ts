import { breakGlass } from './break-glass/break-glass.ts';
import { surroundingsOf } from './break-glass/surroundings.ts';
import { readCommandLine, usage } from './command-line.ts';
import { readConfig } from './config.ts';
import { doctor } from './doctor/doctor.ts';
import { AppError } from './errors.ts';
import { judgeReplay } from './judge-replay/judge-replay.ts';
import { planLimits } from './plan-limits/plan-limits.ts';
import { serve } from './serve/serve.ts';
import { trafficPreview } from './traffic-preview/traffic-preview.ts';

async function main(): Promise<void> {
  const asked = readCommandLine(process.argv.slice(2));
  switch (asked.kind) {
    case 'serve':
      return serve(await readConfig(process.env, asked.role));
    case 'doctor':
      process.exitCode = await doctor(process.env, asked, (text) => process.stdout.write(text));
      return;
    case 'breakGlass':
      process.exitCode = await breakGlass(asked.options, surroundingsOf(process.env, process));
      return;
    case 'trafficPreview': {
      const { stdin, stdout, stderr } = process;
      const around = {
        stdin,
        out: (text: string) => void stdout.write(text),
        err: (text: string) => void stderr.write(text),
      };
      process.exitCode = await trafficPreview(asked.options, around);
      return;
    }
    case 'judgeReplay': {
      const { stdout, stderr } = process;
      const around = {
        isTerminal: stdout.isTTY === true,
        out: (text: string) => void stdout.write(text),
        err: (text: string) => void stderr.write(text),
      };
      process.exitCode = await judgeReplay(asked.options, around);
      return;
    }
    case 'planLimits': {
      const { stdout, stderr } = process;
      const around = {
        out: (text: string) => void stdout.write(text),
        err: (text: string) => void stderr.write(text),
      };
      process.exitCode = await planLimits(asked.options, around);
      return;
    }
    case 'help':
      process.stdout.write(usage);
      return;
    case 'misused':
      process.stderr.write(`canaryd: ${asked.why}\n\n${usage}`);
      process.exitCode = 2;
  }
}

main().catch((error: unknown) => {
  const why =
    error instanceof AppError
      ? error.message
      : `unexpected ${error instanceof Error ? error.name : typeof error}`;
  process.stderr.write(`canaryd did not start: ${why}\n`);
  process.exit(1);
});
