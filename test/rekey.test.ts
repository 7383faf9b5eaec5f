import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultKek, type Layout, layoutOf, makeLayout } from '../src/app/layout.ts';
import { systemClock as clock } from '../src/base/clock.ts';
import { systemRandom as random } from '../src/base/random.ts';
import { type Authority, openAuthority } from '../src/identity/authority.ts';
import { sealedUnder } from '../src/identity/envelope.ts';
import { seal } from '../src/identity/seal.ts';
import type { TrustDomain } from '../src/model/types.ts';
import { addKey, dropFormerKey, openKekFile } from '../src/store/kek/file.ts';
import { openKek } from '../src/store/kek/open.ts';
import { openStore } from '../src/store/open.ts';
import { rekey } from '../src/store/rekey.ts';
import type { Store } from '../src/store/store.ts';
import { type SoftHsm, softHsmMissing, startSoftHsm } from './support/softhsm.ts';

const trustDomain = 'shop.test' as TrustDomain;
const entry = fileURLToPath(new URL('../bin/chancery.js', import.meta.url));
const killer = new URL('./support/kill-at.ts', import.meta.url).href;
/** More writes than any run makes. */
const writesMax = 100;

describe('chancery ca rekey', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-'));
  let intent = '';
  let layout: Layout;
  let root = '';
  let count = 0;
  before(async () => {
    intent = join(dir, 'first');
    layout = madeLayout(intent);
    root = await rootUnder(defaultKek(layout));
  });
  after(() => rmSync(dir, { recursive: true }));

  /** Each test has a copy of one store. */
  beforeEach(() => {
    count += 1;
    const copy = join(dir, String(count));
    cpSync(join(dir, 'first'), copy, { recursive: true });
    intent = copy;
    layout = madeLayout(copy);
  });

  function madeLayout(folder: string): Layout {
    const made = layoutOf(folder, { XDG_RUNTIME_DIR: dir });
    makeLayout(made);
    return made;
  }

  async function withCa<T>(
    name: string,
    use: (store: Store, authority: Authority) => Promise<T> | T,
    env: Record<string, string> = {},
  ): Promise<T> {
    const store = await openStore(layout.database);
    try {
      const kek = await openKek(name, { random, env });
      return await use(store, await openAuthority({ store, kek, trustDomain, clock, random }));
    } finally {
      await store.close();
    }
  }

  const rootUnder = (name: string, env: Record<string, string> = {}): Promise<string> =>
    withCa(name, (_store, authority) => authority.bundlePem, env);

  function run(args: readonly string[], env: Record<string, string> = {}, flags: string[] = []) {
    const command = [...flags, entry, 'ca', 'rekey', intent, ...args];
    const base = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: dir };
    return spawnSync(process.execPath, command, { env: { ...base, ...env }, encoding: 'utf8' });
  }

  it('makes a new key in place: the former one opens nothing any more', async () => {
    const former = readFileSync(layout.kekFile);
    const done = run([]);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /sealed under a new key/);
    assert.notDeepEqual(readFileSync(layout.kekFile), former);
    assert.equal(await rootUnder(defaultKek(layout)), root);
    writeFileSync(layout.kekFile, former);
    await assert.rejects(rootUnder(defaultKek(layout)), /CH3001.*another key/);
  });

  it('moves to another file, says how to go on, and is there when it is run again', async () => {
    const name = `file:${join(intent, 'elsewhere')}`;
    for (let round = 0; round < 2; round += 1) {
      const done = run(['--to', name]);
      assert.equal(done.status, 0, done.stderr);
      assert.match(done.stdout, /--kek 'file:/);
      assert.equal(await rootUnder(name), root);
    }
    await assert.rejects(rootUnder(defaultKek(layout)), (error: { finding: object }) => {
      assert.match(JSON.stringify(error.finding), /CH3001.*expected.*elsewhere.*found/);
      return true;
    });
    const back = run(['--from', name, '--to', defaultKek(layout)]);
    assert.equal(back.status, 0, back.stderr);
    assert.equal(await rootUnder(defaultKek(layout)), root);
  });

  it('moves to a passphrase and from that to another one', async () => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(intent, name), text, { mode: 0o600 });
      return join(intent, name);
    };
    const [one, two] = [file('one', 'a first passphrase'), file('two', 'a second passphrase')];
    const first = run(['--to', 'passphrase:'], { CHANCERY_KEK_NEW_PASSPHRASE_FILE: one });
    assert.equal(first.status, 0, first.stderr);
    const present = (path: string) => ({ CHANCERY_KEK_PASSPHRASE_FILE: path });
    assert.equal(await rootUnder('passphrase:', present(one)), root);
    const env = { ...present(one), CHANCERY_KEK_NEW_PASSPHRASE_FILE: two };
    for (let round = 0; round < 2; round += 1) {
      const second = run(['--from', 'passphrase:', '--to', 'passphrase:'], env);
      assert.equal(second.status, 0, second.stderr);
      assert.equal(await rootUnder('passphrase:', present(two)), root);
    }
    await assert.rejects(rootUnder('passphrase:', present(one)), /CH5214/);
    const wrong = run(['--from', 'passphrase:', '--to', defaultKek(layout)], present(one));
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /CH5214/);
  });

  it('without --to, and not in the key file of the folder, is a usage error', () => {
    const done = run(['--from', `file:${join(intent, 'other')}`]);
    assert.match(done.stderr, /CH5003.*--to/);
  });

  it('reads and replaces what the first format sealed', async () => {
    const key = openKekFile(layout.kekFile, random);
    await withCa(defaultKek(layout), async (store) => {
      const kek = await openKek(defaultKek(layout), { random, env: {} });
      const stored = await store.get('sealed', 'ca/state');
      assert.ok(stored !== undefined);
      const { openEnvelope } = await import('../src/identity/envelope.ts');
      const plain = await openEnvelope(kek, stored.value, 'ca/state');
      assert.ok(plain.ok);
      const first = seal(key, plain.value, 'ca/state', random);
      await store.put('sealed', 'ca/state', first, undefined);
    });
    assert.equal(await rootUnder(defaultKek(layout)), root);
    const done = run([]);
    assert.equal(done.status, 0, done.stderr);
    assert.equal(await rootUnder(defaultKek(layout)), root);
  });

  for (const way of ['in place', 'to another file']) {
    it(`killed at any of its writes (${way}), the CA opens, and the next run does the rest`, async () => {
      const saved = join(dir, `saved-${count}`);
      cpSync(intent, saved, { recursive: true });
      const name = `file:${join(intent, 'elsewhere')}`;
      const args = way === 'in place' ? [] : ['--to', name];
      let kills = 0;
      for (let at = 1; at < writesMax; at += 1) {
        rmSync(intent, { recursive: true });
        cpSync(saved, intent, { recursive: true });
        const killed = run(args, { KILL_AT: String(at) }, ['--import', killer]);
        if (killed.status === 0) break;
        assert.equal(killed.signal, 'SIGKILL', killed.stderr);
        kills += 1;
        const store = await openStore(layout.database);
        const under = sealedUnder((await store.get('sealed', 'ca/state'))?.value ?? Buffer.of());
        await store.close();
        assert.equal(await rootUnder(under ?? ''), root, `killed at write ${at}`);
        const again = run(args);
        assert.equal(again.status, 0, `after a kill at write ${at}: ${again.stderr}`);
        assert.equal(await rootUnder(way === 'in place' ? defaultKek(layout) : name), root);
        const lines = readFileSync(layout.kekFile, 'utf8').trim().split('\n');
        assert.equal(lines.length, 1, 'only one key is left');
      }
      assert.ok(kills > 8, `only ${kills} writes were seen`);
    });
  }

  it('a control plane that runs takes up a new key in place, and never writes with the former', async () => {
    await withCa(defaultKek(layout), async (store, authority) => {
      const kek = await openKek(defaultKek(layout), { random, env: {} });
      addKey(layout.kekFile, random);
      assert.ok((await rekey({ store, from: kek, to: kek, random })).ok);
      dropFormerKey(layout.kekFile);
      const prepare = authority.prepareStep('root', 'hand');
      assert.ok(prepare.ok);
      const first = await authority.step(prepare.value, 'test');
      assert.ok(!first.ok && /look again/.test(first.error));
      assert.ok((await authority.step(prepare.value, 'test')).ok);
    });
    assert.match(await rootUnder(defaultKek(layout)), /BEGIN/);
  });

  it('a control plane that writes in between is not written over', async () => {
    await withCa(defaultKek(layout), async (store, authority) => {
      const kek = await openKek(defaultKek(layout), { random, env: {} });
      let steps = 0;
      const prepare = authority.prepareStep('root', 'hand');
      assert.ok(prepare.ok);
      const racing = {
        list: store.list.bind(store),
        get: store.get.bind(store),
        put: async (...args: Parameters<Store['put']>) => {
          if (steps === 0) assert.ok((await authority.step(prepare.value, 'test')).ok);
          steps += 1;
          return store.put(...args);
        },
      };
      assert.ok((await rekey({ store: racing, from: kek, to: kek, random })).ok);
      assert.equal(steps, 2);
    });
    const kind = await withCa(defaultKek(layout), (_store, { state }) => state.rotation.kind);
    assert.equal(kind, 'prepared');
  });

  describe('to a token', { skip: softHsmMissing }, () => {
    let hsm: SoftHsm;
    before(() => {
      hsm = startSoftHsm('mesh', '4321');
      Object.assign(process.env, hsm.env);
    });
    after(() => hsm.remove());

    it('makes the key there, seals the CA under it, and opens it from there', async () => {
      const name = hsm.uri('kek');
      const none = run(['--to', name], hsm.env);
      assert.match(none.stderr, /CH5216.*no AES key/);
      assert.equal(await rootUnder(defaultKek(layout)), root, 'nothing was changed');
      const done = run(['--to', name, '--generate'], hsm.env);
      assert.equal(done.status, 0, done.stderr);
      assert.equal(await rootUnder(name), root);
      await assert.rejects(rootUnder(defaultKek(layout)), /CH3001/);
      const back = run(['--from', name, '--to', defaultKek(layout)], hsm.env);
      assert.equal(back.status, 0, back.stderr);
      assert.equal(await rootUnder(defaultKek(layout)), root);
    });
  });

  it('a folder without a store has nothing to seal: the key can be made before the CA', () => {
    const empty = join(dir, 'empty');
    cpSync(join(dir, 'first'), empty, {
      recursive: true,
      filter: (path) => !/state\.db/.test(path),
    });
    intent = empty;
    const done = run([]);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /nothing is sealed/);
  });
});
