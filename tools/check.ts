/** `npm run check`: format and lint, types, and the rules of the repository. Stops at the first that fails. */
import { spawnSync } from 'node:child_process';

const steps: readonly (readonly [string, readonly string[]])[] = [
  ['format and lint', ['node_modules/.bin/biome', 'check', '.']],
  ['types', ['node_modules/.bin/tsc', '--noEmit', '-p', '.']],
  ['tidy', [process.execPath, '--test', 'test/tidy.test.ts']],
];

for (const [name, [program = '', ...args]] of steps) {
  process.stderr.write(`check: ${name}\n`);
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
