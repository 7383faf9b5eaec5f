import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemRandom as random } from '../../base/random.ts';
import { openEnvelope, sealEnvelope } from '../../identity/envelope.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import { execKek } from './exec.ts';
import { openKek } from './open.ts';

const dir = mkdtempSync(join(tmpdir(), 'exec-'));
after(() => rmSync(dir, { recursive: true }));
const dataKey = random.bytes(32);

/** A program of these lines, in Node. */
function program(name: string, lines: string): string {
  const path = join(dir, name);
  writeFileSync(path, `#!${process.execPath}\n${lines}\n`, { mode: 0o700 });
  return path;
}

const kek = (path: string, timeoutMs?: number): KeyEncryption =>
  execKek(`exec:${path}`, { kind: 'exec', program: path, parameters: {} }, timeoutMs);

describe('a KEK behind a program', () => {
  const missing = ['openssl', 'python3'].find((one) => spawnSync(one, ['version']).error);
  const skip = missing === undefined ? false : `${missing} is not installed`;

  it('seals and opens by the RSA key of the example', { skip }, async () => {
    const key = join(dir, 'rsa.pem');
    const made = spawnSync('openssl', ['genrsa', '-out', key, '2048']);
    assert.equal(made.status, 0);
    const example = fileURLToPath(new URL('../../../examples/kek/rsa-key', import.meta.url));
    const copy = join(dir, 'rsa-key');
    writeFileSync(copy, readFileSync(example), { mode: 0o700 });
    const name = `exec:${copy}?key=${encodeURIComponent(key)}`;
    const opened = await openKek(name, { random, env: {} });
    const sealed = await sealEnvelope(opened, Buffer.from('secret'), 'place', random);
    const again = await openEnvelope(opened, sealed, 'place');
    assert.equal(again.ok && Buffer.from(again.value).toString(), 'secret');
    spawnSync('openssl', ['genrsa', '-out', key, '2048']);
    await assert.rejects(openEnvelope(opened, sealed, 'place'), /CH5219.*openssl did not do it/);
  });

  it('is given one line and no argument, and what it says of a failure is repeated', async () => {
    const file = join(dir, 'given');
    const path = program(
      'given',
      `const { readFileSync, writeFileSync } = require('node:fs');
       writeFileSync('${file}', JSON.stringify([process.argv.slice(2), readFileSync(0, 'utf8')]));
       console.error('no such key'); process.exit(3);`,
    );
    await assert.rejects(kek(path).wrap(dataKey), /CH5219.*it ended with 3: no such key/);
    const [args, line] = JSON.parse(readFileSync(file, 'utf8')) as [string[], string];
    assert.deepEqual(args, []);
    assert.deepEqual(JSON.parse(line), {
      version: 1,
      operation: 'wrap',
      parameters: {},
      data: Buffer.from(dataKey).toString('base64'),
    });
  });

  it('one that does not answer is ended with all that it started', async () => {
    const file = join(dir, 'child');
    const path = program(
      'slow',
      `const { spawn } = require('node:child_process');
       const child = spawn('sleep', ['60'], { stdio: 'inherit' });
       require('node:fs').writeFileSync('${file}', String(child.pid));
       setInterval(() => {}, 1000);`,
    );
    await assert.rejects(kek(path, 1_000).wrap(dataKey), /CH5219.*no answer within 1 s/);
    const pid = readFileSync(file, 'utf8');
    for (let round = 0; existsSync(`/proc/${pid}`) && round < 100; round += 1) {
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) break;
      await new Promise((wake) => setTimeout(wake, 20));
      assert.ok(round < 99, `process ${pid} lives on`);
    }
  });

  for (const [what, lines, problem] of [
    ['answers no JSON', "console.log('yes')", /is not \{"data"/],
    ['answers something else', 'console.log(\'{"data":7}\')', /is not \{"data"/],
    ['answers nothing', '', /is not \{"data"/],
    ['talks without end', "setInterval(() => console.log('x'.repeat(9999)), 0)", /more than 65536/],
    [
      'ends by a signal',
      "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 999)",
      /SIGTERM/,
    ],
  ] as const) {
    it(`one that ${what} is CH5219`, async () => {
      const path = program(what.replaceAll(' ', '-'), lines);
      await assert.rejects(kek(path).wrap(dataKey), (error) => {
        assert.match(String(error), /CH5219/);
        assert.match(String(error), problem);
        return true;
      });
    });
  }

  it('one that hands the key back unsealed is found out (CH5218)', async () => {
    const path = program(
      'echo',
      "process.stdin.on('data', (line) => console.log(JSON.stringify({ data: JSON.parse(line).data })))",
    );
    const sealed = sealEnvelope(kek(path), Buffer.from('secret'), 'place', random);
    await assert.rejects(sealed, /CH5218.*in the clear/);
  });

  it('one that is not there, or that others may change, is not started (CH5219)', async () => {
    await assert.rejects(kek(join(dir, 'none')).wrap(dataKey), /CH5219.*ENOENT/);
    const path = program('open', 'process.exit(0)');
    chmodSync(path, 0o722);
    await assert.rejects(kek(path).wrap(dataKey), /CH5219.*may change it/);
  });
});
