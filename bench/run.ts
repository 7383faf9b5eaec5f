/** `npm run bench -- AREA`: figures on standard output, progress on standard error. */
import { parseArgs } from 'node:util';
import { type Area, areas, type OptionValues } from './areas.ts';
import { type AreaName, metrics } from './metrics.ts';

const usage = `usage: npm run bench -- AREA [--help], one of ${Object.keys(areas).join(', ')}`;

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h') return say(usage);
  if (!isArea(name)) return refuse(`there is no area "${name}"`, usage);
  const area = areas[name];
  const read = valuesOf(area, args);
  if (read === 'help') return say(helpOf(name, area));
  if ('problem' in read) return refuse(read.problem, `${usageOf(name, area)}; --help tells more`);
  await (await area.load()).run(read.values);
  return 0;
}

function isArea(name: string): name is AreaName {
  return Object.hasOwn(areas, name);
}

function valuesOf(
  { options }: Area,
  args: readonly string[],
): 'help' | { readonly values: OptionValues } | { readonly problem: string } {
  const flags = Object.keys(options).map((name) => [name, { type: 'string' }] as const);
  const help = { help: { type: 'boolean', short: 'h' } } as const;
  let found: Readonly<Record<string, string | boolean | undefined>>;
  try {
    found = parseArgs({
      args: [...args],
      options: { ...Object.fromEntries(flags), ...help },
    }).values;
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  if (found['help'] === true) return 'help';
  const values: Record<string, string> = {};
  for (const [name, { unlessSaid, problem }] of Object.entries(options)) {
    const value = String(found[name] ?? unlessSaid);
    const what = problem(value);
    if (what !== undefined) return { problem: `--${name} ${what}, not "${value}"` };
    values[name] = value;
  }
  return { values };
}

function usageOf(name: AreaName, { options }: Area): string {
  const flags = Object.entries(options).map(([flag, { value }]) => ` [--${flag} ${value}]`);
  return `usage: npm run bench -- ${name}${flags.join('')}`;
}

function helpOf(name: AreaName, area: Area): string {
  const { text, options, environment } = area;
  const flags = Object.entries(options).map(([flag, { value, text: says, unlessSaid }]) => {
    const otherwise = unlessSaid === '' ? '' : `; ${unlessSaid} unless said`;
    return `  --${flag} ${value}   ${says}${otherwise}`;
  });
  const variables = Object.entries(environment).map(([key, says]) => `  ${key}   ${says}`);
  return [
    usageOf(name, area),
    ...['', ...text],
    ...(flags.length === 0 ? [] : ['', 'options:', ...flags]),
    ...(variables.length === 0 ? [] : ['', 'environment:', ...variables]),
    ...['', 'metrics:', ...metrics[name].map((metric) => `  ${metric}`)],
  ].join('\n');
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function refuse(problem: string, help: string): number {
  process.stderr.write(`${problem}\n${help}\n`);
  return 1;
}

// Set and not `exit`: what was written may still be on its way.
process.exitCode = await main(process.argv.slice(2));
