import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { ok, type Result } from '../../base/result.ts';
import type { Authority } from '../../identity/authority.ts';
import { readCsr } from '../../identity/csr.ts';
import type { HostAttestor } from '../../identity/hosts/attestor.ts';
import {
  admit,
  type HostRecord,
  type HostRefusal,
  hostKey,
  renewable,
  renewed,
} from '../../identity/hosts/host-record.ts';
import { tokenReplaces } from '../../identity/hosts/join-token.ts';
import { rejoinMethod } from '../../identity/hosts/rejoin.ts';
import { hostId } from '../../identity/spiffe-id.ts';
import type { HostName } from '../../model/types.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import type {
  AttestAnswer,
  AttestReply,
  AttestRequest,
  RenewRequest,
  SvidReply,
} from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { AttestationProgress, Attestations, ProvenHost } from './attestation.ts';
import type { HostRegistry } from './registry.ts';

interface AdmissionsParts {
  readonly authority: Authority;
  readonly registry: HostRegistry;
  readonly attestations: Attestations;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly ttlSeconds: () => number;
}

/** Takes hosts in and renews their certificates: the record first, then the certificate, both durable before the answer. */
export class Admissions {
  readonly #parts: AdmissionsParts;

  constructor(parts: AdmissionsParts) {
    this.#parts = parts;
  }

  async begin(
    attestors: ReadonlyMap<string, HostAttestor>,
    request: AttestRequest,
  ): Promise<ApiReply> {
    return this.#reply(await this.#parts.attestations.begin(attestors, request), request.method);
  }

  async answer(answer: AttestAnswer): Promise<ApiReply> {
    return this.#reply(await this.#parts.attestations.answer(answer), 'a challenge');
  }

  /** The key of the request takes the place of the one that the host came with. */
  async renew(host: HostName, key: string, body: unknown): Promise<ApiReply> {
    const csrDer = Buffer.from((body as RenewRequest).csr, 'base64');
    const csr = readCsr(csrDer);
    if (!csr.ok) {
      const message = `the request for a certificate: ${csr.error}`;
      return refused(400, { code: 'CH3004', message });
    }
    const next = hostKey(csr.value.publicKeySpki);
    const svid = await this.#issue(host, csrDer, 'renewal', (record, times) => {
      const allowed = renewable(record, host, key);
      return allowed.ok ? ok(renewed(allowed.value, { key: next, ...times })) : allowed;
    });
    if (svid.ok) return { kind: 'json', body: svid.value };
    this.#turnedAway('renewal', svid.error.message, host);
    return refused(401, svid.error);
  }

  async #reply(
    progress: Awaited<ReturnType<Attestations['begin']>>,
    method: string,
  ): Promise<ApiReply> {
    if (!progress.ok) {
      this.#turnedAway(method, progress.error.message);
      return refused(403, progress.error);
    }
    return progress.value.kind === 'challenge'
      ? { kind: 'json', body: progress.value }
      : this.#admit(progress.value);
  }

  async #admit({ host }: AttestationProgress & { readonly kind: 'proven' }): Promise<ApiReply> {
    const { authority, registry, log } = this.#parts;
    const { proof, csrDer, publicKeySpki, method } = host;
    const key = hostKey(publicKeySpki);
    await registry.find(proof.name);
    const replaces = await tokenReplaces(this.#parts.store, proof.anchor);
    const svid = await this.#issue(proof.name, csrDer, `attested by ${method}`, (record, times) => {
      const admitted = this.#admitted(record, host, key, replaces);
      return admitted.ok ? ok(renewed(admitted.value, { key, ...times })) : admitted;
    });
    if (!svid.ok) {
      this.#turnedAway(method, svid.error.message, proof.name);
      return refused(403, svid.error);
    }
    log.info('a host was admitted', { host: proof.name, method });
    const trust = { own: authority.news.bundle, federated: [] };
    const body: AttestReply = { kind: 'attested', host: proof.name, svid: svid.value, trust };
    return { kind: 'json', body };
  }

  #admitted(
    record: HostRecord | undefined,
    { method, proof }: ProvenHost,
    key: string,
    replaces: boolean,
  ): Result<HostRecord, HostRefusal> {
    // Whoever comes back with its own key is what it was, however it came in first.
    if (method === rejoinMethod && record !== undefined) return ok(record);
    return admit(record, { method, proof, key, nowMs: this.#parts.clock.nowMs(), replaces });
  }

  async #issue(
    host: HostName,
    csrDer: Uint8Array,
    reason: string,
    next: (
      record: HostRecord | undefined,
      times: { readonly notBeforeMs: number; readonly notAfterMs: number },
    ) => Result<HostRecord, HostRefusal>,
  ): Promise<Result<SvidReply, Pick<HostRefusal, 'message'> & { readonly code: `CH${number}` }>> {
    const { authority, registry, store, ttlSeconds } = this.#parts;
    const spiffeId = hostId(authority.trustDomain, host);
    const allowed = next(registry.get(host), { notBeforeMs: 0, notAfterMs: 0 });
    if (!allowed.ok) return allowed;
    const issued = authority.issue({ spiffeId, csrDer, ttlSeconds: ttlSeconds(), host, reason });
    if (!issued.ok) return issued;
    const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issued.value;
    const written = await registry.change(host, (record) =>
      next(record, { notBeforeMs, notAfterMs }),
    );
    if (!written.ok) return written;
    await store.flush();
    return ok({ spiffeId, chainPem, serial: serialHex, issuerKeyId, notBeforeMs, notAfterMs });
  }

  #turnedAway(method: string, reason: string, host = 'unknown'): void {
    const { store, clock, log } = this.#parts;
    log.warn('a host was turned away', { host, method, reason });
    const facts = { method, reason };
    store.record({ atMs: clock.nowMs(), kind: 'host-refused', subject: host, facts });
  }
}
