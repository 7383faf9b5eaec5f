import { ChanceryError, messageOf } from '../base/error.ts';
import { ownerOfPort } from './preflight.ts';

/** A port of a service, and the flag that moves it. */
export interface Door {
  readonly flag: string;
  readonly address: string;
  readonly port: number;
}

/** Opens a door; what keeps it shut is a finding that says which one. */
export async function opened<Value>(door: Door, listen: () => Promise<Value>): Promise<Value> {
  try {
    return await listen();
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall !== 'listen' && syscall !== 'bind' && syscall !== 'getaddrinfo') throw cause;
    throw shut(door, code ?? '', cause);
  }
}

function shut({ flag, address, port }: Door, code: string, cause: unknown): ChanceryError {
  if (code === 'EADDRINUSE') {
    const owner = ownerOfPort(port);
    return new ChanceryError(
      {
        code: 'CH5410',
        message: `port ${port} (${flag}) is in use${owner === undefined ? '' : ` by ${owner}`}`,
        expected: `${address}:${port} free`,
        help: `end that program, or choose another ${flag}`,
      },
      { cause },
    );
  }
  return new ChanceryError(
    {
      code: 'CH5412',
      message: `nothing can be served at ${address}:${port} (${flag}): ${messageOf(cause)}`,
      expected: 'an address of this machine, and a port that this user may open',
      help: `ip addr shows the addresses; --listen and ${flag} choose`,
    },
    { cause },
  );
}
