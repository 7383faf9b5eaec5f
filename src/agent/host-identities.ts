import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { IdentityEntry } from '../identity/entry.ts';
import { closestMiss, EntryIndex } from '../identity/match-entry.ts';
import type { Trust } from '../identity/trust.ts';
import type { SvidReason, SvidReply } from '../serve/api/wire.ts';
import { type KeptSocket, keepSocket } from '../serve/grpc/kept-socket.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { reflectionMethods } from '../serve/grpc/reflection.ts';
import { createGrpcServer, type GrpcServer } from '../serve/grpc/server.ts';
import { workloadApiMethods } from '../serve/workload/methods.ts';
import { AccountNames } from './attest/account-names.ts';
import { type AttestorParts, attest } from './attest/attest.ts';
import { FileHashes } from './attest/file-hash.ts';
import { IdentitySource } from './identity-source.ts';
import type { JwtCache } from './jwt-cache.ts';
import { SdsPeers } from './sds-peers.ts';
import { sdsSotwMethods } from './sds-sotw.ts';
import { makePublicFolder } from './socket-folder.ts';
import type { Svid } from './svid-keeper.ts';
import { SvidPool } from './svid-pool.ts';

interface HostIdentitiesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly jwts: JwtCache;
  readonly requestSvid: (
    entry: IdentityEntry,
    csr: string,
    reason: SvidReason,
  ) => Promise<SvidReply>;
  readonly kept: (spiffeId: string) => Svid | undefined;
  readonly onSvid: () => void;
}

export function attestorParts(): AttestorParts {
  return {
    users: new AccountNames('passwd'),
    groups: new AccountNames('group'),
    hashes: new FileHashes(),
  };
}

/** The host-wide socket: any process may ask, and gets what the mesh's entries say that it is. */
export class HostIdentities {
  readonly #options: HostIdentitiesOptions;
  readonly #attestor = attestorParts();
  readonly #source: IdentitySource;
  readonly #server: GrpcServer;
  readonly pool: SvidPool;
  #index: EntryIndex | undefined;
  #trust: Trust | undefined;
  /** Programs are hashed only where an entry asks for it. */
  #hash = false;

  constructor(options: HostIdentitiesOptions) {
    const { clock, random, log, jwts, requestSvid, kept, onSvid } = options;
    this.#options = options;
    this.pool = new SvidPool({
      ...{ clock, random, log, kept },
      request: requestSvid,
      onSvid: (spiffeId) => {
        this.#source.refresh(spiffeId);
        onSvid();
      },
    });
    this.#source = new IdentitySource({
      ...{ clock, jwts },
      identify: (peer) => this.#identify(peer),
      svid: (entry) => this.pool.get(entry),
      // Before the entries have come nobody is refused: it is too early to know.
      trust: () => (this.#index === undefined ? undefined : this.#trust),
    });
    const sds = new SdsPeers(this.#source, { clock, log });
    this.#server = createGrpcServer({
      methods: [
        ...workloadApiMethods({ source: this.#source, clock }),
        ...sdsSotwMethods(this.#source, { log }),
        ...sds.methods,
        ...reflectionMethods(async () => (await import('./descriptions.ts')).descriptions()),
      ],
      onError: (error, path) => log.error('a call failed', { path, ...problemFields(error) }),
    });
  }

  get watchers(): number {
    return this.#source.watchers;
  }

  /** Errors: CH3021 (others may change the folder of the socket). */
  async listen(path: string): Promise<KeptSocket> {
    const { clock, log } = this.#options;
    const makeFolder = (): void => makePublicFolder(dirname(path));
    makeFolder();
    return keepSocket({
      ...{ socket: path, of: 'the host-wide socket', makeFolder, clock, log },
      listen: () => this.#server.listenHostUnix(path),
    });
  }

  setEntries(entries: readonly IdentityEntry[]): void {
    this.#index = new EntryIndex(entries);
    this.#hash = entries.some(({ selectors }) =>
      selectors.some(({ kind }) => kind === 'unix:sha256'),
    );
    this.pool.setEntries(entries);
    this.#source.refresh();
  }

  setTrust(trust: Trust, taintedIssuers: readonly string[]): void {
    this.#trust = trust;
    this.#source.refresh();
    this.pool.taint(taintedIssuers);
  }

  async close(): Promise<void> {
    this.pool.stop();
    await this.#server.close();
  }

  async #identify(peer: Peer): Promise<Result<readonly IdentityEntry[], string>> {
    const attested = await attest(peer, this.#attestor, { hash: this.#hash });
    if (!attested.ok) return attested;
    const { selectors, missing, pid } = attested.value;
    const fitting = this.#index?.fitting(selectors) ?? [];
    if (fitting.length > 0) return ok(fitting);
    const closest = closestMiss(this.#index?.entries ?? [], selectors, missing);
    return err(
      `no identity for process ${pid}: ${closest}; chancery identity explain --pid ${pid} says all`,
    );
  }
}
