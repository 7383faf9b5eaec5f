import { readIntent } from '../app/read-intent.ts';
import { systemClock } from '../base/clock.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import { type Help, parseArguments, usageError } from './arguments.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';

const usage: Help = {
  usage: 'check DIR [--json]',
  text: [
    'Parses and validates the intent folder as it lies on disk. 0: no errors; 2: errors, all of them shown.',
    'It has no --at: what was found in a commit is in chancery revision show.',
  ],
  examples: ['chancery check examples/shop'],
};

export async function check(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  const [dir, ...more] = parsed.positionals;
  if (dir === undefined || more.length > 0) throw usageError('check takes one folder', usage);
  const files = await readWorkingTree(dir);
  const sources = files.ok ? files.value : new Map<string, string>();
  const { intent, findings } = files.ok
    ? readIntent(files.value, systemClock.nowMs())
    : { intent: undefined, findings: files.error };
  if (parsed.values['json'] === true) {
    terminal.out(JSON.stringify({ ok: intent !== undefined, findings }));
  } else if (findings.length > 0) {
    terminal.findings(findings, sources);
  }
  if (intent === undefined) return 2;
  if (parsed.values['json'] !== true) {
    terminal.out(`${intent.mesh.name}: ${intent.services.size} services, no errors`);
  }
  return 0;
}
