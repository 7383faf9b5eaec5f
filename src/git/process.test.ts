import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Opens all descriptors that there are, runs git, an Envoy and git again with some room, and says what came. */
const script = `
  import { closeSync, openSync } from 'node:fs';
  import { systemClock as clock } from './src/base/clock.ts';
  import { run } from './src/envoy/run.ts';
  import { runGit } from './src/git/process.ts';
  const git = () => runGit({
    dir: '.', args: ['version'], outputBytesMax: 1000, host: { clock, env: process.env, timeoutMs: 10_000 },
  });
  await git();
  const held = [];
  try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
  const short = await git();
  const ran = await run('true', [], { env: process.env, timeoutMs: 10_000 });
  for (const fd of held) closeSync(fd);
  const again = await git();
  process.stdout.write(JSON.stringify([short.ok ? 'ran' : short.error.code, ran.status, again.ok]));
`;

test('no descriptors left: a program that cannot be started is a finding, and the process goes on', () => {
  const node = `ulimit -n 64; exec "$0" --input-type=module --eval "$1"`;
  const ended = spawnSync('sh', ['-c', node, process.execPath, script], { encoding: 'utf8' });
  assert.equal(ended.stdout, '["CH5305",-1,true]', ended.stderr);
});
