import { readIntent } from '../app/read-intent.ts';
import { systemClock } from '../base/clock.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';

const flags = { json: { type: 'boolean' } } as const;

export const check = command({
  usage: 'check DIR [--json]',
  text: [
    'Parses and validates the intent folder as it lies on disk. 0: no errors; 2: errors, all of them shown.',
    'It has no --at: what was found in a commit is in chancery revision show.',
  ],
  examples: ['chancery check examples/shop'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw usageError('check takes one folder');
  const files = await readWorkingTree(dir);
  const sources = files.ok ? files.value : new Map<string, string>();
  const { intent, findings } = files.ok
    ? readIntent(files.value, systemClock.nowMs())
    : { intent: undefined, findings: files.error };
  if (values.json) {
    terminal.out(JSON.stringify({ ok: intent !== undefined, findings }));
  } else if (findings.length > 0) {
    terminal.findings(findings, sources);
  }
  if (intent === undefined) return 2;
  if (!values.json) {
    terminal.out(`${intent.mesh.name}: ${intent.services.size} services, no errors`);
  }
  return 0;
}
