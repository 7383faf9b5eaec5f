import { resolveEnvoy } from '../envoy/resolve.ts';
import { type Help, parseArguments, usageError } from './arguments.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';

const usage: Help = {
  usage: 'envoy path [--json]',
  text: ['Finds the pinned Envoy, or fetches it once into the cache folder, and prints its path.'],
  examples: ['$(chancery envoy path) --version'],
};

export async function envoy(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  if (parsed.positionals[0] !== 'path') throw usageError('the word after envoy is `path`', usage);
  const binary = await resolveEnvoy({ env: process.env, onProgress: (text) => terminal.err(text) });
  terminal.out(parsed.values['json'] === true ? JSON.stringify(binary) : binary.path);
  return 0;
}
