import { testsOf } from '../app/checks.ts';
import { decideTest } from '../app/intent-tests.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import { parseIntent } from '../model/parse.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { prose, table } from './table.ts';
import { paint } from './terminal.ts';

const flags = { json: { type: 'boolean' } } as const;

export const test = command({
  usage: 'test DIR [--json]',
  text: [
    'Decides every `tests:` entry with the engine that proxies use. 0: all as expected; 1: errors; 2: some not.',
    'It has no --at, for it looks at the files as they lie; chancery why --at answers by a commit or a time.',
  ],
  examples: ['chancery test examples/shop'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw usageError('test takes one folder');
  const files = await readWorkingTree(dir);
  if (!files.ok) {
    terminal.findings(files.error);
    return 1;
  }
  const { intent, findings } = parseIntent(files.value);
  if (intent === undefined) {
    terminal.findings(findings, files.value);
    return 1;
  }
  const results = testsOf(intent).map((one) => decideTest(intent, one));
  const failed = results.filter((result) => !result.passed).length;
  if (values.json) {
    terminal.out(JSON.stringify({ passed: results.length - failed, failed, results }));
    return failed === 0 ? 0 : 2;
  }
  const rows = results.map(({ test: one, passed, got, rule, reason }) => [
    passed ? paint(terminal, 'green', 'pass') : paint(terminal, 'red', 'FAIL'),
    one.from,
    one.to,
    `${one.method} ${one.path}`,
    one.expect,
    got,
    rule ?? '',
    // Why one passed that was to be denied is its code; the sentence is for who has to mend one.
    (passed ? reason?.split(' ', 1)[0] : reason) ?? '',
  ]);
  const header = ['', 'from', 'to', 'request', 'expect', 'got', 'rule', prose('reason')];
  terminal.out(table({ header, rows, width: terminal.width }));
  terminal.out(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 2;
}
