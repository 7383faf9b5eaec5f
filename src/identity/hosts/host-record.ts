import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';
import type { HostName, Selector } from '../../model/types.ts';
import type { HostProof } from './attestor.ts';

/**
 * What the mesh knows of a host. This record is what a host's certificate hangs on: a certificate without a record, or of
 * a key that the record does not name, is worth nothing however long it has to live.
 */
export interface HostRecord {
  readonly name: HostName;
  readonly method: string;
  readonly anchor: string;
  readonly selectors: readonly Selector[];
  readonly attestedMs: number;
  /** Hash of the public key of its newest certificate. */
  readonly key: string;
  /** Of the certificate before: the answer that brought the newest may have been lost. */
  readonly previousKey: string | undefined;
  /** Set when the newest is seen in use: what was asked with the one before is still answered until then. */
  readonly previousUntilMs: number | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly standing: HostStanding;
}

export type HostStanding =
  | { readonly kind: 'active' }
  | {
      readonly kind: 'banned';
      readonly atMs: number;
      readonly by: string;
      readonly reason: string;
    };

/** Why a host is turned away, with the code that its operator looks up. */
export interface HostRefusal {
  readonly code: 'CH3102' | 'CH3103' | 'CH3104' | 'CH3105';
  readonly message: string;
}

/** Names a public key: SHA-256 of its SubjectPublicKeyInfo, hex. */
export function hostKey(publicKeySpki: Uint8Array): string {
  return createHash('sha256').update(publicKeySpki).digest('hex');
}

/** Takes a host in that has proven itself, or takes it in again. `replaces`: an operator said that it is a new machine. */
export function admit(
  record: HostRecord | undefined,
  given: {
    readonly method: string;
    readonly proof: HostProof;
    readonly key: string;
    readonly nowMs: number;
    readonly replaces: boolean;
  },
): Result<HostRecord, HostRefusal> {
  const { method, proof, key, nowMs, replaces } = given;
  const standing = record === undefined ? ok(undefined) : activeStanding(record);
  if (!standing.ok) return standing;
  if (record !== undefined && record.anchor !== proof.anchor && !replaces) {
    const since = new Date(record.attestedMs).toISOString();
    return refusal(
      'CH3103',
      `another machine is the host ${record.name} since ${since}; if this one takes its place: chancery host evict ${record.name}`,
    );
  }
  return ok({
    ...proof,
    method,
    attestedMs: nowMs,
    key,
    previousKey: undefined,
    previousUntilMs: undefined,
    notBeforeMs: nowMs,
    notAfterMs: nowMs,
    standing: { kind: 'active' },
  });
}

/** The host has a new certificate. What stays good beside it is the last key that was seen in use. */
export function renewed(
  record: HostRecord,
  given: { readonly key: string; readonly notBeforeMs: number; readonly notAfterMs: number },
): HostRecord {
  const isNewestUnused = record.previousKey !== undefined && record.previousUntilMs === undefined;
  const inUse = isNewestUnused ? record.previousKey : record.key;
  const previousKey = inUse === given.key ? undefined : inUse;
  return { ...record, ...given, previousKey, previousUntilMs: undefined };
}

/** Calls that were under way when a new certificate was first used. */
const overlapMs = 10_000;

/**
 * A certificate of this host is in use: the record after that. Of two holders of one identity the one that did not get
 * the newest certificate is found here, at its next word.
 */
export function used(
  record: HostRecord | undefined,
  host: HostName,
  given: { readonly key: string; readonly nowMs: number },
): Result<HostRecord, HostRefusal> {
  const known = standingOf(record, host);
  if (!known.ok) return known;
  const { key, nowMs } = given;
  const { value } = known;
  const { previousKey, previousUntilMs } = value;
  if (key === value.key) {
    return ok(
      previousKey === undefined || previousUntilMs !== undefined
        ? value
        : { ...value, previousUntilMs: nowMs + overlapMs },
    );
  }
  const isGood = previousUntilMs === undefined || nowMs < previousUntilMs;
  return key === previousKey && isGood ? known : older(host);
}

/**
 * Whether a new certificate is given for this key. Stricter than use: with the one before only as long as nobody has used
 * the newest, else two machines could renew in turns.
 */
export function renewable(
  record: HostRecord | undefined,
  host: HostName,
  key: string,
): Result<HostRecord, HostRefusal> {
  const known = standingOf(record, host);
  if (!known.ok) return known;
  const { key: newest, previousKey, previousUntilMs } = known.value;
  if (key === newest) return known;
  return key === previousKey && previousUntilMs === undefined ? known : older(host);
}

function standingOf(
  record: HostRecord | undefined,
  host: HostName,
): Result<HostRecord, HostRefusal> {
  if (record === undefined) {
    return refusal('CH3105', `the host ${host} is not known any more; it has to prove itself anew`);
  }
  const standing = activeStanding(record);
  return standing.ok ? ok(record) : standing;
}

function older(host: HostName): Result<never, HostRefusal> {
  return refusal(
    'CH3104',
    `an older certificate of ${host} is used after a newer one: a second machine has its identity, or it was set back to an old state`,
  );
}

export function banned(
  record: HostRecord,
  given: { readonly atMs: number; readonly by: string; readonly reason: string },
): HostRecord {
  return { ...record, standing: { kind: 'banned', ...given } };
}

function activeStanding({ name, standing }: HostRecord): Result<undefined, HostRefusal> {
  if (standing.kind === 'active') return ok(undefined);
  const since = new Date(standing.atMs).toISOString();
  return refusal(
    'CH3102',
    `the host ${name} is banned since ${since} by ${standing.by}: ${standing.reason}`,
  );
}

function refusal(code: HostRefusal['code'], message: string): Result<never, HostRefusal> {
  return err({ code, message });
}

/** All that services may ask of a host, its name and method among it. */
export function hostSelectors({ name, method, selectors }: HostRecord): readonly Selector[] {
  const own = [
    { kind: 'host:name', value: name },
    { kind: 'host:method', value: method },
  ];
  return [
    ...own,
    ...selectors.filter(({ kind }) => kind !== 'host:name' && kind !== 'host:method'),
  ];
}

/** Whether a host may have what asks for these; a value may hold `*` for any run of characters. */
export function hostFits(wanted: readonly Selector[], shown: readonly Selector[]): boolean {
  return wanted.every(({ kind, value }) =>
    shown.some((one) => one.kind === kind && matchesGlob(value, one.value)),
  );
}

function matchesGlob(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}
