import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { batteryOf } from './battery.ts';
import { csvOf } from './csv.ts';
import { type Summary, summaryOf } from './figures.ts';
import { gatesOf, verdictOn } from './gates.ts';
import { type Options, readOptions, usage } from './options.ts';
import { sequential } from './ours.ts';
import { peers } from './peers.ts';
import { batteryWords, distributionsOf, gatesWords, scenariosOf, speedWords } from './report.ts';
import { healthy, regressed } from './scenarios.ts';
import type { Scenario } from './service.ts';
import { speedOf } from './speed.ts';
import { type Tally, tallyOf } from './tally.ts';

const judges = [sequential, ...peers];
/** Of each service of the battery, at most. */
const mostRolloutsOfAService = 60;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(usage);
    return 2;
  }
  const began = performance.now();
  const { seed, rollouts, chosen, csv } = options;
  const scenarios = [...healthy, ...regressed].filter(({ name }) => chosen.includes(name));
  print(`Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 16)}Z`);
  print(`Seed ${seed}, ${rollouts} rollouts of each scenario.`);
  print(distributionsOf(scenarios));
  const named = scenarios.flatMap((scenario) => played(scenario, options));
  if (named.length > 0) print(scenariosOf(named));
  const battery = chosen.includes('battery') ? playBattery(options) : [];
  const summaries = summariesOf(battery);
  if (battery.length > 0) print(batteryWords(summaries));
  const [ours = null, ...others] = summaries;
  const own = named.filter(({ judge }) => judge === sequential.name);
  const gates = gatesOf({ named: own, battery: ours, peers: others });
  print(gatesWords(gates));
  const usual = healthy.find(({ name }) => name === 'N2');
  if (usual !== undefined) print(speedWords(speedOf(usual, seed)));
  if (csv !== null) await writeFile(csv, csvOf([...named, ...battery]));
  const { user, system } = process.cpuUsage();
  const [all, cpu] = [(performance.now() - began) / 1000, (user + system) / 1e6];
  say(`${all.toFixed(0)} s in all, ${cpu.toFixed(0)} s of them computing`);
  return gates.some((gate) => verdictOn(gate) === 'NOT MET') ? 1 : 0;
}

function playBattery({ seed, rollouts }: Options): Tally[] {
  const drawn = batteryOf(seed);
  const each = Math.min(rollouts, mostRolloutsOfAService);
  return Object.entries(drawn).flatMap(([kind, services]) => {
    say(`battery: ${services.length} ${kind} services, ${each} rollouts each`);
    return services.flatMap((service) => tallyOf(service, judges, { seed, rollouts: each }));
  });
}

function played(scenario: Scenario, { seed, rollouts }: Options): Tally[] {
  say(`${scenario.name} ${scenario.about}`);
  return tallyOf(scenario, judges, { seed, rollouts });
}

/** Ours first. */
function summariesOf(battery: readonly Tally[]): Summary[] {
  if (battery.length === 0) return [];
  const of = (name: string) => battery.filter(({ judge }) => judge === name);
  return judges.map(({ name }) => summaryOf(of(name), of(sequential.name)));
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}Z ${text}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `The benchmark could not run: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  },
);
