import { resolveEnvoy } from '../envoy/resolve.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';

const flags = { json: { type: 'boolean' } } as const;

export const envoy = command({
  usage: 'envoy path [--json]',
  text: ['Finds the pinned Envoy, or fetches it once into the cache folder, and prints its path.'],
  examples: ['$(chancery envoy path) --version'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  if (positionals[0] !== 'path') throw usageError('the word after envoy is `path`');
  const binary = await resolveEnvoy({ env: process.env, onProgress: (text) => terminal.err(text) });
  terminal.out(values.json ? JSON.stringify(binary) : binary.path);
  return 0;
}
