import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attestedPeer, type Peer, releasePeer } from '../../src/serve/grpc/peer.ts';

/** The system's own where there is one: every user may run it, and it is no wrapper of another program. */
export const python = realpathSync(
  existsSync('/usr/bin/python3')
    ? '/usr/bin/python3'
    : execFileSync('python3', ['-c', 'import os; print(os.readlink("/proc/self/exe"))'], {
        encoding: 'utf8',
      }).trim(),
);

/** A unix socket that holds each caller as the agent's host-wide socket does. */
export class HoldingSocket {
  readonly path: string;
  readonly #dir: string;
  readonly #server: Server;
  readonly #children: ChildProcess[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(dir: string, server: Server) {
    this.#dir = dir;
    this.path = join(dir, 'agent.sock');
    this.#server = server;
  }

  static async open(): Promise<HoldingSocket> {
    const dir = mkdtempSync(join(tmpdir(), 'attest-'));
    chmodSync(dir, 0o755);
    const socket = new HoldingSocket(dir, createServer());
    socket.#server.listen(socket.path);
    await once(socket.#server, 'listening');
    chmodSync(socket.path, 0o777);
    return socket;
  }

  /**
   * Runs a program that connects. Python: the text goes on after `s` is connected, and `wait()` waits for a byte from
   * the test. Resolves with the peer as the kernel and /proc told at the moment of the connection.
   */
  async caller(
    text: string,
    command: readonly string[] = [python],
  ): Promise<{ readonly peer: Peer; readonly socket: Socket; readonly child: ChildProcess }> {
    const connected = once(this.#server, 'connection') as Promise<[Socket]>;
    const script = [
      'import os, socket, sys, time',
      's = socket.socket(socket.AF_UNIX)',
      `s.connect(${JSON.stringify(this.path)})`,
      's.set_inheritable(True)',
      'def wait(): s.recv(1)',
      text,
    ].join('\n');
    const [program = '', ...args] = command;
    const child = spawn(program, [...args, '-c', script], {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    this.#children.push(child);
    const ended = once(child, 'exit').then(() => Promise.race([connected, tooEarly()]));
    const [socket] = await Promise.race([connected, ended]);
    this.#sockets.add(socket);
    socket.on('error', () => {});
    const peer = attestedPeer(socket);
    socket.once('close', () => releasePeer(peer));
    return { peer, socket, child };
  }

  /** The next caller, however it came. */
  async accepted(): Promise<Peer> {
    const [socket] = (await once(this.#server, 'connection')) as [Socket];
    this.#sockets.add(socket);
    socket.on('error', () => {});
    const peer = attestedPeer(socket);
    socket.once('close', () => releasePeer(peer));
    return peer;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const child of this.#children) child.kill('SIGKILL');
    await new Promise((closed) => this.#server.close(closed));
    rmSync(this.#dir, { recursive: true });
  }
}

async function tooEarly(): Promise<never> {
  await new Promise((wake) => setTimeout(wake, 500));
  throw new Error('the caller ended without connecting');
}
