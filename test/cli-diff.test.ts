import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import type { RevisionDiff } from '../src/explain/revision-diff.ts';
import { type TemporaryFolder, temporaryFolder } from '../src/git/temporary-repository.fixture.ts';

const entry = resolve('bin/chancery.js');
const web = 'service: web\nowner: t\nprotocol: http\nport: 8080\n';
const shop =
  'service: shop\nowner: t\nprotocol: http\nport: 8081\nallow:\n  - { from: web, to: GET /** }\n';

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function chancery(...args: readonly string[]): Promise<Said> {
  return new Promise((done) => {
    execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, out, err) =>
      done({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}

/** No mesh runs here, and none is started: these commits never ran. */
function repository(context: TestContext): TemporaryFolder {
  const folder = temporaryFolder(context);
  folder.git(['init', '-q']);
  folder.write('mesh.yaml', 'mesh: m\ntrust_domain: m.test\n');
  folder.write('services/web.yaml', web);
  folder.write('services/shop.yaml', shop);
  folder.commitAll('first');
  folder.write('services/shop.yaml', `${shop}routes:\n  - { to: v1, timeout: 7s }\n`);
  folder.commitAll('seven seconds');
  return folder;
}

describe('chancery diff of two commits', () => {
  it('says in one line how many proxies change, then each field with both lines; 2', async (t) => {
    const { dir } = repository(t);
    const { code, out } = await chancery('diff', 'HEAD~1', 'main', dir);
    assert.equal(code, 2);
    assert.match(
      out,
      /^- [0-9a-f]{12} first\n\+ [0-9a-f]{12} seven seconds\n\n1 proxy changes in /,
    );
    assert.match(out, /\nRouteConfiguration egress, of web-v1\n/);
    assert.match(out, /\n {2}- services\/shop.yaml:7\n/);
    // The entry, not the `routes:` above it.
    assert.match(out, /\n {2}\+ services\/shop.yaml:8\n/);
    assert.match(out, /timeout: .* -> "7s"/);
  });

  it('--json has all of it, under the ids of the commits', async (t) => {
    const folder = repository(t);
    const ids = folder.git(['rev-list', 'HEAD']).split('\n');
    const { out } = await chancery('diff', ids[1]?.slice(0, 9) ?? '', 'HEAD', folder.dir, '--json');
    const found = JSON.parse(out) as RevisionDiff & Record<'before' | 'after', { commit: string }>;
    assert.deepEqual([found.after.commit, found.before.commit], ids);
    assert.deepEqual(found.proxies, { changed: ['web-v1'], added: [], gone: [], same: 1 });
    assert.ok(found.resources.every(({ proxies }) => proxies.length === 1));
  });

  it('a commit and itself differ in nothing; 0', async (t) => {
    const { dir } = repository(t);
    const { code, out } = await chancery('diff', 'HEAD', 'main', dir);
    assert.equal(code, 0);
    assert.match(out, /nothing changes for any of 2 proxies/);
  });

  it('a commit that does not hold is told with file and line; 1', async (t) => {
    const folder = repository(t);
    folder.write('services/shop.yaml', `${shop}colour: red\n`);
    folder.commitAll('a field that is none');
    const { code, out, err } = await chancery('diff', 'HEAD~1', 'HEAD', folder.dir);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /services\/shop.yaml:7/);
  });

  it('what is neither a commit nor a proxy is CH5472, options and all; 1', async (t) => {
    const { dir } = repository(t);
    for (const name of ['nope', '@', '', 'HEAD~99', 'a\nb', 'HEAD:mesh.yaml']) {
      const { code, err } = await chancery('diff', 'HEAD', name, dir);
      if (name === '@') continue;
      assert.equal(code, 1, name);
      assert.match(err, /CH5472/, name);
    }
  });
});

describe('the help of every command', () => {
  let verbs: readonly string[] = [];
  before(async () => {
    const { out } = await chancery();
    verbs = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, verb]) => verb ?? '');
    assert.ok(verbs.length > 15);
  });

  it('has its usage and an example, and is no error', async () => {
    const others = verbs.filter((verb) => verb !== 'help');
    for (const verb of others) {
      const { code, out } = await chancery(verb, '--help');
      assert.equal(code, 0, verb);
      assert.match(out, new RegExp(`^usage: chancery ${verb}\\b`), verb);
      assert.match(out, new RegExp(`example:\\n +.*chancery ${verb}\\b`), verb);
    }
  });

  it('an unknown flag is CH5003, and no colour goes into a pipe', async () => {
    for (const verb of ['status', 'log', 'diff', 'wait', 'proxy', 'revision', 'approve']) {
      const { code, out, err } = await chancery(verb, '--no-such-flag');
      assert.equal(code, 1, verb);
      assert.match(err, /CH5003/, verb);
      assert.ok(!`${out}${err}`.includes('\u001b['), verb);
    }
  });

  it('whatever asks a control plane takes one of another machine', async () => {
    const asking = ['status', 'log', 'diff', 'wait', 'proxy', 'revision', 'approve', 'ca', 'host'];
    for (const verb of [...asking, 'federation', 'token']) {
      const { out } = await chancery(verb, '--help');
      assert.match(out, /--api https:\/\/HOST:PORT/, verb);
    }
  });

  it('a folder that holds only the state of a control plane says where to type it', async (t) => {
    const { dir, write } = temporaryFolder(t);
    write('.chancery/state.db', '');
    const here = process.cwd();
    process.chdir(dir);
    const [asked, other] = await Promise.all([
      chancery('diff', 'HEAD~1', 'HEAD', dir),
      chancery('why', 'web', 'shop', 'GET', '/', '--in', dir, '--at', 'HEAD~1'),
    ]).finally(() => process.chdir(here));
    for (const { code, err } of [asked, other]) {
      assert.equal(code, 1);
      assert.match(err, /checkout of the repository that the control plane follows/);
    }
  });
});
