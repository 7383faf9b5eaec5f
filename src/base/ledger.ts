/** Every kind of entry, and what one tells: what was done, where somebody did it. */
export const ledgerKinds = {
  'commit-accepted': 'ran from then on, or began its waves',
  'commit-refused': 'was refused',
  'commit-live': 'was on all proxies that it concerns',
  verdict: 'what the gates said',
  'rollout-pushing': 'a wave was taking it',
  'rollout-watching': 'a wave was watched',
  'rollout-halted': 'was halted',
  'rollout-live': 'was through its waves',
  'rollout-taken-back': 'was taken back',
  'upgrade-pushing': 'a wave was taking what another version compiles otherwise',
  'upgrade-watching': 'a wave of it was watched',
  'upgrade-halted': 'it was halted',
  'upgrade-live': 'it was through its waves',
  'upgrade-taken-back': 'it was taken back',
  ack: 'a proxy took resources',
  nack: 'a proxy refused resources',
  quarantined: 'a resource is kept from everybody',
  incomplete: 'a proxy asked for less than it needs',
  healed: 'a resource was sent again that was never confirmed',
  'proxy-connected': 'connected',
  'proxy-disconnected': 'disconnected',
  'proxy-holds': 'a proxy said what it has',
  'proxy-checkpoint': 'all that a proxy had',
  'proxy-retired': 'left the mesh',
  endpoint: 'came, went, or became ready or not',
  'svid-issued': 'issued a certificate',
  'jwt-issued': 'issued a token (JWT-SVID)',
  'join-token': 'made a token with which a machine joins',
  'host-roster': 'every host',
  'host-state': 'how a host was',
  'host-refused': 'a machine was not let in',
  'host-banned': 'cut a host off',
  'host-evicted': 'forgot a host',
  'ca-state': 'what the CA was',
  'ca-prepare': 'prepared the next CA',
  'ca-activate': 'let the prepared CA sign',
  'ca-taint': 'had all that the old CA signed renewed',
  'ca-revoke': 'took the old CA out of what is trusted',
  'ca-abandon': 'gave up the prepared CA',
  'ca-request': "made a request for the company's CA",
  'ca-rekey': 'sealed the CA under another key',
  'federation-state': 'which bundles were believed',
  'api-call': 'asked for a change, or for what it may not',
  'api-token': 'made a token for the API',
  'api-token-revoked': 'ended a token for the API',
  breakglass: 'access was granted beside Git, or ended',
  'breakglass-use': 'a grant let requests through',
  'shadow-started': 'let a policy ride along',
  'shadow-ended': 'what rode along ended',
} as const;

export type LedgerKind = keyof typeof ledgerKinds;

export function isLedgerKind(kind: string): kind is LedgerKind {
  return Object.hasOwn(ledgerKinds, kind);
}

/** What happened, for later questions. Kinds are fixed words; facts are plain values, never secrets. */
export interface LedgerEntry {
  readonly seq: number;
  readonly atMs: number;
  /** One of `ledgerKinds`, or of another version. */
  readonly kind: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

export type NewLedgerEntry = Omit<LedgerEntry, 'seq' | 'kind'> & { readonly kind: LedgerKind };

/** A line that made a resource, or the part of it that is named: a route as `service/route`. */
export interface MadePlace {
  readonly file: string;
  readonly line: number;
  readonly part?: string;
}

/** An xDS resource as it was once made: what a version in the ledger stands for. Equal content is kept once. */
export interface MadeResource {
  /** Short name of the type, such as `Cluster`. */
  readonly type: string;
  readonly name: string;
  readonly version: string;
  /** When it was first sent to anybody. */
  readonly atMs: number;
  /** The first commit that made it; the places are lines of that commit. */
  readonly commit: string;
  readonly from: readonly MadePlace[];
  readonly bytes: Uint8Array;
}

/** A resource without its content: what a proxy is said to have. */
export type ResourceKey = Pick<MadeResource, 'type' | 'name' | 'version'>;

export function resourceId({ type, name, version }: ResourceKey): string {
  return `${type} ${version} ${name}`;
}
