import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { HoldingSocket, python } from '../../../test/support/connector.ts';
import { intentFolder } from '../../../test/support/intents.ts';
import { eventually } from '../../../test/support/running-mesh.ts';
import { entry } from '../../../test/support/workload-host.ts';
import type { Result } from '../../base/result.ts';
import { closestMiss, EntryIndex } from '../../identity/match-entry.ts';
import type { Selector } from '../../model/types.ts';
import type { Peer } from '../../serve/grpc/peer.ts';
import { PeerProcess } from '../../serve/grpc/peer-process.ts';
import { attestorParts } from '../host-identities.ts';
import { type Attested, attest } from './attest.ts';

const parts = attestorParts();
const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? false : 'another user needs root';
const lastPid = '/proc/sys/kernel/ns_last_pid';
const needsLastPid = isRoot && existsSync(lastPid) ? false : 'giving out a pid again needs root';
const can = (...command: readonly string[]): boolean =>
  spawnSync(command[0] ?? '', command.slice(1), { stdio: 'ignore' }).status === 0;
const needsPidNamespace = can('unshare', '--pid', '--fork', '--mount-proc', 'true')
  ? false
  : 'this host lets nobody make a pid namespace';
const needsUserNamespace =
  isRoot && can('unshare', '--user', '--map-root-user', 'true')
    ? false
    : 'this host lets nobody make a user namespace';

const selector = (kind: string, value: string): Selector => ({ kind, value });
const uid = selector('unix:uid', String(process.getuid?.()));

/** Why the caller is not `web`, which wants these; fails when it is. */
async function refusal(peer: Peer, ...wanted: readonly Selector[]): Promise<string> {
  const attested = await attest(peer, parts, { hash: true });
  if (!attested.ok) return attested.error;
  const { selectors, missing } = attested.value;
  const index = new EntryIndex([entry('web', ...wanted)]);
  assert.deepEqual(index.fitting(selectors), [], 'the caller is taken for web');
  return closestMiss(index.entries, selectors, missing);
}

async function isTaken(peer: Peer, ...wanted: readonly Selector[]): Promise<boolean> {
  const attested = await attest(peer, parts, { hash: true });
  return (
    attested.ok &&
    new EntryIndex([entry('web', ...wanted)]).fitting(attested.value.selectors).length > 0
  );
}

/** `chancery identity explain`, about a mesh of one service that wants what a test says. */
class Explain {
  readonly dir: string;
  readonly remove: () => void;

  constructor(identity: string) {
    [this.dir, this.remove] = intentFolder({
      'mesh.yaml': 'mesh: adversaries\ntrust_domain: shop.test\n',
      'services/web.yaml': `service: web\nowner: t\nprotocol: http\nport: 8080\nidentity: ${identity}\n`,
    });
  }

  run(pid: number): { readonly status: number | null; readonly text: string } {
    const args = [resolve('bin/chancery.js'), 'identity', 'explain', '--pid', `${pid}`, this.dir];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, text: `${stdout}${stderr}` };
  }
}

function explained(identity: string, pid: number | undefined) {
  const explain = new Explain(identity);
  try {
    return explain.run(pid ?? 0);
  } finally {
    explain.remove();
  }
}

describe('adversaries at the host-wide socket', { timeout: 60_000 }, () => {
  let socket: HoldingSocket;
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'adversary-'));
    chmodSync(dir, 0o755);
  });
  after(() => rmSync(dir, { recursive: true }));
  beforeEach(async () => {
    socket = await HoldingSocket.open();
  });
  afterEach(() => socket.close());

  it('another user is told whose identity it wanted and who it is', {
    skip: needsRoot,
  }, async () => {
    const { peer, child } = await socket.caller('wait()', ['setpriv', '--reuid', '1234', python]);
    assert.equal(
      await refusal(peer, selector('unix:uid', '0')),
      'closest is web, which wants unix:uid 0; the process is 1234',
    );
    const { status, text } = explained('{ unix: { uid: "0" } }', child.pid);
    assert.equal(status, 2);
    assert.match(text, /no +web +0 of 1 hold +wants unix:uid 0; the process is 1234/);
  });

  it('another binary of the same path and user has another hash', async () => {
    const copy = join(dir, 'program');
    copyFileSync(python, copy);
    const hash = createHash('sha256').update(readFileSync(copy)).digest('hex');
    const wanted = [uid, selector('unix:path', copy), selector('unix:sha256', hash)];
    const honest = await socket.caller('wait()', [copy]);
    assert.ok(await isTaken(honest.peer, ...wanted));
    rmSync(copy);
    copyFileSync(python, copy);
    writeFileSync(copy, Buffer.from([0]), { flag: 'a' });
    const other = await socket.caller('wait()', [copy]);
    assert.match(await refusal(other.peer, ...wanted), /wants unix:sha256 \w+; the process is \w+/);
    const { status, text } = explained(
      `{ unix: { path: "${copy}", sha256: "${hash}" } }`,
      other.child.pid,
    );
    assert.equal(status, 2);
    assert.match(text, /1 of 2 hold/);
  });

  it('a program whose file was replaced is refused by its path, and hears why it has none', async () => {
    const copy = join(dir, 'replaced');
    copyFileSync(python, copy);
    const { peer, child } = await socket.caller('wait()', [copy]);
    assert.ok(await isTaken(peer, selector('unix:path', copy)));
    rmSync(copy);
    copyFileSync(python, copy);
    const why = /the process has none: its file was replaced since it started/;
    assert.match(await refusal(peer, selector('unix:path', copy)), why);
    const { status, text } = explained(`{ unix: { path: "${copy}" } }`, child.pid);
    assert.equal(status, 2);
    assert.match(text, why);
  });

  it('a file that is only called like the program that was removed does not pass for it', async () => {
    const copy = join(dir, 'program (deleted)');
    copyFileSync(python, copy);
    const { peer } = await socket.caller('wait()', [copy]);
    assert.match(await refusal(peer, selector('unix:path', join(dir, 'program'))), /has none/);
  });

  it('a script is its interpreter: no script passes for another by its name', async () => {
    const script = join(dir, 'script');
    const text = 'import socket,time; s=socket.socket(socket.AF_UNIX)';
    writeFileSync(
      script,
      `#!${python}\n${text}; s.connect(${JSON.stringify(socket.path)}); time.sleep(30)\n`,
    );
    chmodSync(script, 0o755);
    const accepted = socket.accepted();
    const child = spawn(script, { stdio: 'ignore' });
    try {
      const peer = await accepted;
      const wanted = selector('unix:path', script);
      assert.equal(
        await refusal(peer, wanted),
        `closest is web, which wants unix:path ${script}; the process is ${python}`,
      );
      const { status, text: said } = explained(`{ unix: { path: "${script}" } }`, child.pid);
      assert.equal(status, 2);
      assert.ok(said.includes(`the process is ${python}`), said);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('a caller that ends before it is looked at is gone', async () => {
    const accepted = socket.accepted();
    connectAndEnd(socket.path);
    assert.match(await refusal(await accepted), /gone$/);
  });

  it('a number that was given out again before the connection was taken is not the caller', {
    skip: needsLastPid,
  }, async () => {
    const accepted = socket.accepted();
    const other = reuse(connectAndEnd(socket.path));
    try {
      assert.match(await refusal(await accepted), /gone$/);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('a number that was given out again later is not the caller', {
    skip: needsLastPid,
  }, async () => {
    const { peer, child, socket: connection } = await socket.caller(heldByChild);
    await once(connection, 'data');
    assert.ok(await isTaken(peer, uid));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const other = reuse(child.pid ?? 0);
    try {
      const now = PeerProcess.open(child.pid ?? 0, undefined);
      assert.ok(now.ok, 'the number is in use');
      now.value.close();
      assert.equal(await refusal(peer), `process ${child.pid} is gone`);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('a caller that has ended and that nobody has buried is gone', async () => {
    // The middle process connects and ends; its parent does not wait for it, its child holds the connection.
    const { peer, socket: connection } = await socket.caller(heldByChild, [
      python,
      '-c',
      [
        'import os, sys, time',
        'if os.fork() == 0: os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])',
        'sys.stdin.read()',
      ].join('\n'),
    ]);
    await once(connection, 'data');
    assert.ok(await isTaken(peer, uid));
    connection.write('x');
    await eventually(
      async () => !(await attest(peer, parts, { hash: false })).ok,
      5_000,
      () => 'the caller did not end',
    );
    assert.match(await refusal(peer), /is gone$/);
    assert.ok(peer.kind === 'unix');
    const { status, text: said } = explained('{ unix: { uid: "0" } }', peer.process?.pid);
    assert.equal(status, 1);
    assert.match(said, /CH3020.*is gone/);
  });

  it('a connection that was passed on stays that of who opened it, and ends with it', {
    skip: needsRoot,
  }, async () => {
    // Passed over a socket to a process of another user, as SCM_RIGHTS.
    const {
      peer,
      child,
      socket: connection,
    } = await socket.caller(
      [
        'a, b = socket.socketpair()',
        'if os.fork() == 0:',
        '  os.setuid(1234)',
        '  a.close(); s.close()',
        '  _, fds, _, _ = socket.recv_fds(b, 1, 1)',
        '  got = socket.socket(fileno=fds[0]); got.send(b"x"); got.recv(1); os._exit(0)',
        'socket.send_fds(a, [b"x"], [s.fileno()])',
        'wait()',
      ].join('\n'),
    );
    await once(connection, 'data');
    assert.ok(await isTaken(peer, selector('unix:uid', '0')), 'it is who opened it');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.match(await refusal(peer, selector('unix:uid', '0')), /is gone$/);
  });

  it('root of a user namespace of its own is the user outside', {
    skip: needsUserNamespace,
  }, async () => {
    const { peer } = await socket.caller('wait()', [
      ...['setpriv', '--reuid', '1234', '--regid', '1234', '--clear-groups'],
      ...['unshare', '--user', '--map-root-user', python],
    ]);
    assert.match(await refusal(peer, selector('unix:uid', '0')), /the process is 1234$/);
  });

  it('a caller in a pid namespace below is seen by the number it has here', {
    skip: needsPidNamespace,
  }, async () => {
    const { peer } = await socket.caller('wait()', ['unshare', '--pid', '--fork', python]);
    assert.ok(await isTaken(peer, uid, selector('unix:path', python)));
    assert.ok(peer.kind === 'unix' && (peer.process?.pid ?? 0) > 1);
  });

  it('a caller that an agent in a pid namespace cannot see is refused with that reason', {
    skip: needsPidNamespace,
  }, async () => {
    await using server = await AttestingServer.start(['--pid', '--fork', '--mount-proc']);
    const seen = await server.caller([python]);
    assert.deepEqual(seen, { ok: false, error: 'the peer is in a foreign pid namespace' });
  });

  it('a user that an agent in a user namespace has no number for is refused with that reason', {
    skip: needsUserNamespace,
  }, async () => {
    await using server = await AttestingServer.start(['--user', '--map-root-user']);
    const seen = await server.caller(['setpriv', '--reuid', '1234', '--clear-groups', python]);
    assert.deepEqual(seen, {
      ok: false,
      error: 'the caller lives in a user namespace that is not mapped here',
    });
  });

  it('explain says so when there is no such process', () => {
    const { status, text } = explained('{ unix: { uid: "0" } }', 4_194_303);
    assert.equal(status, 1);
    assert.match(text, /error\[CH3020\]: process 4194303 cannot be attested: .* is gone/);
  });
});

/** A child has the connection too, says so, and lives as long as it; the caller itself ends at a byte of the test. */
const heldByChild = [
  'import select',
  'if os.fork() == 0:',
  '  s.send(b"x"); hung = select.poll(); hung.register(s, select.POLLRDHUP); hung.poll()',
  '  os._exit(0)',
  'wait(); os._exit(0)',
].join('\n');

/** Holds up everything here until the program has ended, so that its connection still waits to be taken. */
function connectAndEnd(path: string): number {
  const text = `import os, socket; socket.socket(socket.AF_UNIX).connect(${JSON.stringify(path)}); print(os.getpid())`;
  return Number(spawnSync(python, ['-c', text], { encoding: 'utf8' }).stdout);
}

/** A process with this number; others that begin meanwhile, on a busy machine many, may take it first, and end again. */
function reuse(pid: number): ChildProcess {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    writeFileSync(lastPid, String(pid - 1));
    const child = spawn('sleep', ['30'], { stdio: 'ignore' });
    if (child.pid === pid) return child;
    child.kill('SIGKILL');
  }
  throw new Error(`the kernel does not give out ${pid} again`);
}

/** An agent's socket within other namespaces than the test's. */
class AttestingServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #callers: ChildProcess[] = [];
  readonly #path: string;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, path: string) {
    this.#child = child;
    this.#lines = lines;
    this.#path = path;
  }

  static async start(unshare: readonly string[]): Promise<AttestingServer> {
    const script = resolve('test/support/attesting-server.ts');
    const child = spawn('unshare', [...unshare, '--kill-child', process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.ok(child.stdout !== null);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    return new AttestingServer(child, lines, JSON.parse((await lines.next()).value ?? 'null'));
  }

  async caller(command: readonly string[]): Promise<Result<Attested, string>> {
    const [program = '', ...args] = command;
    const text = `import socket, time; s = socket.socket(socket.AF_UNIX); s.connect(${JSON.stringify(this.#path)}); time.sleep(30)`;
    this.#callers.push(spawn(program, [...args, '-c', text], { stdio: 'ignore' }));
    return JSON.parse((await this.#lines.next()).value ?? 'null');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#callers, this.#child]) child.kill('SIGKILL');
    await once(this.#child, 'exit');
    rmSync(resolve(this.#path, '..'), { recursive: true, force: true });
  }
}
