/**
 * `npm test`: every unit test, then the scenarios against the real Envoy, which run one after another because each
 * starts a whole mesh. Arguments are passed on as paths: `npm test -- src/policy`.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { resolveEnvoy } from '../src/envoy/resolve.ts';

const named = process.argv.slice(2);
const unit = globSync([
  'src/**/*.test.ts',
  'test/*.test.ts',
  'test/{xds,store,fuzz,spiffe}/*.test.ts',
  'examples/**/*.test.ts',
  'bench/*.test.ts',
]);
const scenarios = globSync('test/{scenarios,interop}/**/*.test.ts').sort();

/**
 * A test that hangs is a failure, not a run without an end; so is a file that does not end after its tests. Node's
 * `--test-force-exit` would end it at once, but loses results of tests on a busy machine.
 */
const testTimeoutMs = 300_000;

function run(files: readonly string[], concurrency: number): number {
  if (files.length === 0) return 0;
  const args = [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${testTimeoutMs}`,
    ...files,
  ];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}

if (named.length > 0) {
  const files = named
    .flatMap((path) => globSync([path, `${path}/**/*.test.ts`]))
    .filter((path) => path.endsWith('.test.ts'));
  process.exit(run(files, 1));
}
const first = run(unit, 2);
await resolveEnvoy({ env: process.env, onProgress: (text) => process.stderr.write(`${text}\n`) });
const second = run(scenarios, 1);
process.exit(first === 0 ? second : first);
