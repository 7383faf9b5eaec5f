import type { Socket } from 'node:net';
import { constants } from 'node:os';
import koffi from 'koffi';
import { err, ok, type Result } from '../../base/result.ts';

/** Who is at the other end of a unix socket, as the kernel knows it: the process that called connect(). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Linux: asm-generic/socket.h. */
const solSocket = 1;
const soPeercred = 17;
/** Since Linux 6.5; before, it is an unknown option. */
const soPeerpidfd = 77;
const unknownOption = constants.errno.ENOPROTOOPT;

type GetSockOpt = (
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
  length: Uint32Array,
) => number;

let getsockopt: GetSockOpt | undefined;

function load(): GetSockOpt {
  getsockopt ??= koffi
    .load(null)
    .func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)') as GetSockOpt;
  return getsockopt;
}

/**
 * SO_PEERCRED of an accepted unix socket. Node shows the descriptor only as `_handle.fd`; a socket without one
 * is refused, never trusted.
 */
export function readPeerCredentials(socket: Socket): Result<PeerCredentials, string> {
  const fd = descriptorOf(socket);
  if (fd === undefined) return err('the socket has no descriptor');
  const value = new Uint8Array(12);
  const length = new Uint32Array([value.length]);
  if (load()(fd, solSocket, soPeercred, value, length) !== 0) return err('SO_PEERCRED failed');
  const [pid = 0, uid = 0, gid = 0] = new Int32Array(value.buffer);
  // 0: the peer lives in a pid namespace that this process cannot see into.
  if (pid === 0) return err('the peer is in a foreign pid namespace');
  return ok({ pid, uid: uid >>> 0, gid: gid >>> 0 });
}

/**
 * A descriptor that means the peer's process itself, not its number; undefined where the kernel has no such thing. The
 * caller closes it. Errors: the peer has ended, and its number may be another one's by now.
 */
export function readPeerPidFd(socket: Socket): Result<number | undefined, string> {
  const fd = descriptorOf(socket);
  if (fd === undefined) return err('the socket has no descriptor');
  const value = new Uint8Array(4);
  const length = new Uint32Array([value.length]);
  if (load()(fd, solSocket, soPeerpidfd, value, length) !== 0) {
    return koffi.errno() === unknownOption ? ok(undefined) : err('the caller is gone');
  }
  const [pidFd = -1] = new Int32Array(value.buffer);
  return pidFd < 0 ? err('the caller is gone') : ok(pidFd);
}

function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as { _handle?: { fd?: unknown } })._handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
