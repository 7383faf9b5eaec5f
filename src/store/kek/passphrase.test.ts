import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemRandom as random } from '../../base/random.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import { type PassphraseSource, passphraseKek } from './passphrase.ts';
import { passphraseSource } from './passphrase-source.ts';

const dataKey = Buffer.from(random.bytes(32));
/** Cheap: the rules do not depend on the cost. */
const cost = { logN: 4, r: 8, p: 1 };
const passphrase = 'correct horse battery';

const kek = (source: PassphraseSource | string): KeyEncryption =>
  passphraseKek(
    'passphrase:',
    typeof source === 'string' ? async () => source : source,
    random,
    cost,
  );

describe('a KEK of a passphrase', () => {
  it('opens with the same passphrase in another process; the salt is its own', async () => {
    const [first, second] = [kek(passphrase), kek(passphrase)];
    const wrapped = await first.wrap(dataKey);
    assert.deepEqual(await second.unwrap(wrapped), { ok: true, value: dataKey });
    assert.notDeepEqual(
      (await kek(passphrase).wrap(dataKey)).subarray(0, 19),
      wrapped.subarray(0, 19),
    );
  });

  it('another passphrase is said, and nothing else is', async () => {
    const wrapped = await kek(passphrase).wrap(dataKey);
    const opened = await kek('incorrect horse battery').unwrap(wrapped);
    assert.deepEqual(opened, { ok: false, error: 'the passphrase is another one' });
  });

  it('does not open when any byte changed or is missing', async () => {
    const wrapped = await kek(passphrase).wrap(dataKey);
    for (let at = 0; at < wrapped.length; at += 1) {
      const changed = Uint8Array.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.ok(!(await kek(passphrase).unwrap(changed)).ok, `byte ${at}`);
      assert.ok(!(await kek(passphrase).unwrap(wrapped.subarray(0, at))).ok, `${at} bytes`);
    }
  });

  it('a store cannot make it use up the memory', async () => {
    const wrapped = await kek(passphrase).wrap(dataKey);
    for (const head of [
      [40, 8, 1],
      [17, 255, 1],
      [4, 8, 200],
      [0, 0, 0],
    ]) {
      const greedy = Uint8Array.from([...head, ...wrapped.subarray(3)]);
      assert.deepEqual(await kek(passphrase).unwrap(greedy), {
        ok: false,
        error: 'not a sealed value',
      });
    }
  });

  it('is asked once, and as a new one only when nothing was opened before', async () => {
    const uses: string[] = [];
    const source: PassphraseSource = async (use) => {
      uses.push(use);
      return passphrase;
    };
    const first = kek(source);
    const wrapped = await first.wrap(dataKey);
    await first.unwrap(wrapped);
    const second = kek(source);
    await second.unwrap(wrapped);
    await second.wrap(dataKey);
    assert.deepEqual(uses, ['new', 'present']);
  });

  it('a short one is CH5213', async () => {
    await assert.rejects(kek('12345').wrap(dataKey), /CH5213.*too short/);
    await assert.rejects(kek('').wrap(dataKey), /CH5213.*empty/);
  });

  it('costs a guess as much memory and time as is said', async () => {
    const real = passphraseKek('passphrase:', async () => passphrase, random);
    assert.deepEqual([...(await real.wrap(dataKey)).subarray(0, 3)], [17, 8, 1]);
  });
});

describe('where a passphrase comes from', () => {
  const dir = mkdtempSync(join(tmpdir(), 'passphrase-'));
  after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'chancery-kek-passphrase');
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 });

  it('the file that the environment names, or a credential of systemd', async () => {
    const named = passphraseSource('present', { CHANCERY_KEK_PASSPHRASE_FILE: file });
    assert.equal(await named('present'), passphrase);
    const credential = passphraseSource('present', { CREDENTIALS_DIRECTORY: dir });
    assert.equal(await credential('present'), passphrase);
    const next = join(dir, 'next');
    writeFileSync(next, 'another long passphrase', { mode: 0o600 });
    const env = { CHANCERY_KEK_PASSPHRASE_FILE: file, CHANCERY_KEK_NEW_PASSPHRASE_FILE: next };
    assert.equal(await passphraseSource('next', env)('new'), 'another long passphrase');
  });

  it('a file that others may read is CH5210, none is CH5213', async () => {
    const open = join(dir, 'open');
    writeFileSync(open, passphrase);
    chmodSync(open, 0o644);
    const source = (path: string): Promise<string> =>
      passphraseSource('present', { CHANCERY_KEK_PASSPHRASE_FILE: path })('present');
    await assert.rejects(source(open), /CH5210/);
    await assert.rejects(source(join(dir, 'none')), /CH5213.*cannot be read/);
  });

  it('a terminal shows nothing of it, takes corrections, and wants a new one twice', async () => {
    const typed = (use: string, keys: readonly string[]): Promise<string> =>
      atTerminal(`passphraseSource('present', {})('${use}')`, keys);
    const present = await typed('present', ['correct hoy\u007frse battery\r']);
    assert.match(present, /<correct horse battery>/);
    assert.equal(present.match(/horse/g)?.length, 1, 'only our own print shows it');
    assert.match(await typed('new', ['a long passphrase\r', 'a long passphrase\r']), /<a long/);
    assert.match(await typed('new', ['a long passphrase\r', 'a lung passphrase\r']), /CH5213/);
    assert.match(await typed('present', ['abc\u0003']), /CH5213/);
  });

  it('without a terminal it is CH5213, with what to give', async () => {
    const script = new URL('./passphrase-source.ts', import.meta.url).href;
    const text = await output(process.execPath, ['-e', program(script, '')], []);
    assert.match(text, /CH5213.*no terminal/);
  });
});

function program(module: string, call: string): string {
  const asked = call === '' ? "passphraseSource('present', {})('present')" : call;
  return `import('${module}').then(({ passphraseSource }) => ${asked}).then(
    (typed) => console.log('<' + typed + '>'), (error) => console.log(String(error)));`;
}

/** A real pseudo terminal, by util-linux. */
function atTerminal(call: string, keys: readonly string[]): Promise<string> {
  const module = new URL('./passphrase-source.ts', import.meta.url).href;
  const command = `${process.execPath} -e "${program(module, call).replaceAll('\n', ' ')}"`;
  return output('script', ['-qec', command, '/dev/null'], keys);
}

/** Each answer is typed when a prompt stands there. */
function output(
  command: string,
  args: readonly string[],
  keys: readonly string[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const left = [...keys];
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const next = /: $/.test(text) ? left.shift() : undefined;
      if (next !== undefined) child.stdin.write(next);
    });
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}
