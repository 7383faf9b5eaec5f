import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

const entry = resolve('bin/chancery.js');
const dir = mkdtempSync(join(tmpdir(), 'mistakes-'));

interface Said {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function chancery(args: readonly string[], env: NodeJS.ProcessEnv = {}): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], {
    cwd: dir,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, out: stdout, err: stderr };
}

function git(...args: readonly string[]): void {
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'];
  assert.equal(spawnSync('git', [...who, ...args], { cwd: dir }).status, 0, args.join(' '));
}

/** What people type who are in a hurry: each gets a reason and a way on, and none of them a stack. */
describe('a mistaken command', () => {
  before(() => {
    for (const one of ['mesh.yaml', 'services']) {
      cpSync(resolve('examples/shop', one), join(dir, one), { recursive: true });
    }
    git('init', '--quiet', '-b', 'main');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const cases: readonly (readonly [args: readonly string[], wanted: RegExp])[] = [
    [['chek', '.'], /CH5002.*\n.*did you mean `check`/],
    [['check', '.', '--jsno'], /CH5003.*"--jsno".*\n.*did you mean `--json`/],
    [['help', 'nosuch'], /CH5003.*no command and no code/],
    [['status', '/nonexistent'], /CH5301/],
    [['status', 'mesh.yaml'], /CH5301/],
    [['server', '--dir', '/nonexistent'], /CH5301/],
    [['server', '--dir', '.', 'extra'], /CH5003.*belongs to no flag/],
    [['server', '--dir', '.', '--kek', 'file:/nonexistent/kek'], /CH5005.*ENOENT/],
    [['init', 'mesh.yaml'], /CH5005/],
    [['agent', '--host-file', 'mesh.yaml'], /CH5003.*says a host/],
    [['proxy', '', '.'], /CH5471/],
    [['wait', 'nosuch', '.'], /CH5003.*no commit, branch or tag/],
    [['policy', 'diff', 'main..nosuch', '.'], /CH5003.*policy diff: "nosuch" is no commit/],
    [['policy', 'diff', 'main...main', '.'], /CH5003.*takes A\.\.B/],
    [['why', '*', 'payments', '--matrix'], /CH5003.*--matrix is about one caller/],
    [['why', 'a', 'b', 'GET', '/', 'services'], /CH5003.*"services" is too much.*--in services/],
    [['why', 'a', 'b', '--matrix', '.'], /CH5003.*"\." is too much; .*--in \./],
    [['who-can', 'b', 'GET', '/', 'more'], /CH5003.*"more" is too much/],
    [
      ['log', '.', '--kind', 'rolout-live'],
      /CH5003.*"rolout-live".*\n.*did you mean `rollout-live`/,
    ],
    [['federation'], /CH5003.*federation is followed by list, show or refresh/],
    [['federation', 'refresh'], /CH5003.*federation refresh needs the trust domain of a peer/],
    [['revision', 'undo'], /CH5003.*revision is followed by list, show, halt, resume or rollback/],
    [['revision', 'show'], /CH5003.*revision show needs a commit/],
    [['identity', 'list', '.', 'x'], /CH5003.*identity takes one folder/],
    [['host', 'ban'], /CH5003.*host ban needs the name of a host/],
    [['host', 'health', '.'], /CH5402.*no agent answers on .*agent\.sock\n.*--state names/],
    [['token', 'crate', 'a'], /CH5003.*token is followed by create, list or revoke/],
    [['ca', '--step', 'x', 'rekey'], /CH5003.*ca is followed by .*, import or rekey/],
    [['why', 'checkout', '*', 'GET', '/'], /CH1030/],
    [['why', 'checkout', 'payments', 'GET', '/', '--address', '1.2.3'], /--address is an IP/],
    [['why', 'checkout', 'payments', 'GET', '/', '--header', 'Host=x'], /said by --host/],
    [['why', 'checkout\u001b[2J', 'payments', 'GET', '/'], /CH1030.*"checkout\\u001b\[2J"/],
    [['token', 'create', 'a', '.', '--role', 'viewer', '--out', '/nonexistent/a'], /CH5005|CH5402/],
  ];
  for (const [args, wanted] of cases) {
    it(JSON.stringify(args), () => {
      const { status, err } = chancery(args);
      assert.match(err, wanted);
      assert.doesNotMatch(err, /\n {4}at |node:internal/);
      assert.equal(status, 1);
    });
  }

  it('leaves no key beside what it mistook for its own', () => {
    assert.ok(!readdirSync(dir).includes('agent.key'));
  });

  it('a file that is no token is said, and sent nowhere', () => {
    writeFileSync(join(dir, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nAA==\n');
    const env = { CHANCERY_API: 'https://127.0.0.1:1', CHANCERY_TOKEN_FILE: 'ca.pem' };
    assert.match(chancery(['status'], env).err, /CH5439.*"ca\.pem" holds no token/);
  });

  it('a URL in place of a path names host and path, as the proxy reads it', () => {
    const own = ['why', 'checkout', 'payments', 'POST'];
    assert.equal(chancery([...own, 'http://payments/v1/charges']).status, 0);
    const other = chancery([...own, 'http://ledger/v1/charges']);
    assert.match(other.out, /^MISDIRECTED {2}CH4111/);
    assert.equal(other.status, 2);
  });

  it('an arrow between the two ends is no flag', () => {
    for (const ends of [['checkout', '->', 'payments'], ['checkout -> payments']]) {
      assert.equal(chancery(['why', ...ends, 'POST', '/v1/charges']).status, 0);
    }
  });

  it('help of a command is its --help', () => {
    assert.equal(chancery(['help', 'why']).out, chancery(['why', '--help']).out);
  });

  it('a table in a pipe is whole', () => {
    assert.doesNotMatch(chancery(['test', '.']).out, /…/);
  });
});
