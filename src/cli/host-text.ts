import { fitted } from '../base/wrap.ts';
import type {
  HeldIdentity,
  HostReply,
  HostsReply,
  JoinTokenReply,
  SealedBy,
} from '../client/gen/api.ts';
import type { AgentHealthReply, DecisionCounts } from '../serve/api/wire.ts';
import { factLines } from './facts-text.ts';
import { commandText } from './help-text.ts';
import { prose, spare, table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

type Look = Pick<Terminal, 'color' | 'width'>;

/** Admitted, here, and able to renew what it holds. */
export function isWell(host: HostReply, nowMs: number): boolean {
  return (
    host.standing.kind === 'active' &&
    host.connections > 0 &&
    host.health?.canRenew === true &&
    host.notAfterMs > nowMs
  );
}

export function hostsText({ hosts }: HostsReply, nowMs: number, look: Look): string {
  if (hosts.length === 0)
    return 'no host is in the mesh yet: chancery host token NAME makes a token';
  const rows = hosts.map((host) => [
    host.name,
    state(host, nowMs, look),
    renews(host, look),
    host.method,
    span(nowMs - host.attestedMs),
    host.notAfterMs > nowMs ? `in ${span(host.notAfterMs - nowMs)}` : paint(look, 'red', 'ended'),
    String(host.workloads.length),
    host.standing.kind === 'banned' ? host.standing.reason : (host.health?.problems[0] ?? ''),
  ]);
  const shown = ['host', 'state', 'can renew', spare('by'), spare('since'), 'ends', 'workloads'];
  const header = [...shown, prose('problem')];
  return table({ header, rows, width: look.width });
}

export function hostText(
  host: HostReply,
  { nowMs, isPast }: { readonly nowMs: number; readonly isPast: boolean },
  look: Look,
): string {
  const { standing, health, selectors, anchor, attestedMs, notAfterMs, trustSequence } = host;
  const shown = selectors.map(({ kind, value }) => `${kind}=${value}`).join(', ');
  const facts: (readonly [string, string])[] = [
    ['state', state(host, nowMs, look)],
    ['can renew', renews(host, look)],
    ['admitted', `${new Date(attestedMs).toISOString()} by ${host.method} (${anchor})`],
    ['shows', shown === '' ? 'its name and method' : shown],
    ['certificate ends', `${new Date(notAfterMs).toISOString()}`],
    ['bundle', trustSequence === undefined ? 'not said yet' : String(trustSequence)],
    ['keeps', keptText(health?.sealedBy)],
    ['workloads', host.workloads.join(', ') || 'none'],
    ...(standing.kind === 'banned'
      ? [
          [
            'banned',
            `${new Date(standing.atMs).toISOString()} by ${standing.by}: ${standing.reason}`,
          ] as const,
        ]
      : []),
    ...(health?.problems ?? []).map(
      (problem) => ['problem', paint(look, 'yellow', problem)] as const,
    ),
  ];
  return [
    host.name,
    ...factLines(facts, { indent: '  ', width: look.width }),
    ...(isPast ? [] : ['', heldText(health?.identities ?? [], nowMs, look)]),
  ].join('\n');
}

function keptText(sealedBy: SealedBy | undefined): string {
  switch (sealedBy) {
    case undefined:
      return 'not said';
    case 'nothing':
      return 'in memory only';
    case 'file':
      return 'on disk, sealed with a key in a file of this machine';
    case 'keyring':
      return "on disk, sealed with a key in the kernel's keyring";
    case 'tpm':
      return 'on disk, sealed with the TPM';
  }
}

function heldText(identities: readonly HeldIdentity[], nowMs: number, look: Look): string {
  if (identities.length === 0) return 'it holds no certificate that it told of';
  const rows = identities.map(({ holder, notBeforeMs, notAfterMs }) => [
    holder,
    notAfterMs > nowMs ? `in ${span(notAfterMs - nowMs)}` : paint(look, 'red', 'ended'),
    `of ${span(notAfterMs - notBeforeMs)}`,
  ]);
  return table({ header: ['holds', 'ends', 'life'], rows, width: look.width });
}

/** What an agent says of itself. */
export function healthText(reply: AgentHealthReply, nowMs: number, look: Look): string {
  const { host, standing, canRenew, problems, trustDomain, trustSequence, roots } = reply;
  const can = canRenew ? paint(look, 'green', 'can renew') : paint(look, 'red', 'cannot renew');
  return fitted(
    [
      `${host ?? 'this host'}: ${standing}, ${can}`,
      ...problems.map((problem) => `  ${paint(look, 'yellow', problem)}`),
      decisionsText(reply.decisions),
      `keeps what it holds ${keptText(reply.sealedBy)}`,
      `trusts ${trustDomain ?? 'nobody yet'}, bundle ${trustSequence}`,
      ...roots.map(
        ({ sha256, notAfterMs }) => `  root ${sha256} ends in ${span(notAfterMs - nowMs)}`,
      ),
      '',
      heldText(reply.identities, nowMs, look),
    ].join('\n'),
    look.width,
  );
}

function decisionsText({ allowed, denied, sampledOut, lost }: DecisionCounts): string {
  const parts = [
    `allowed ${allowed}`,
    `denied ${denied}`,
    ...(sampledOut === 0 ? [] : [`${sampledOut} allows not logged by its rate`]),
    ...(lost === 0 ? [] : [`${lost} lost to the log`]),
  ];
  return `its policy desk ${parts.join(', ')} since it started`;
}

/** What to type on the new machine. The token is a secret: it goes by a file or by hand, not into a ticket. */
export function tokenText(
  name: string,
  reply: JoinTokenReply,
  { width }: Pick<Terminal, 'width'>,
): string {
  const roots = reply.rootSha256.map((hash) => `--root ${hash}`).join(' ');
  const until = new Date(reply.endsMs).toISOString();
  const join = `chancery agent --server ${reply.address}:${reply.port} ${roots} --join-token-file FILE`;
  return [
    fitted(`a token for one machine, good until ${until}; it is shown only now:`, width),
    '',
    `  ${reply.token}`,
    '',
    `on ${name}, with the token in a file that only root reads:`,
    '',
    commandText(join, width),
  ].join('\n');
}

function state({ standing, connections, seenMs }: HostReply, nowMs: number, look: Look): string {
  if (standing.kind === 'banned') return paint(look, 'red', 'banned');
  if (connections > 0) return paint(look, 'green', 'here');
  if (seenMs === undefined) return paint(look, 'yellow', 'not seen yet');
  return paint(look, 'yellow', `away ${span(nowMs - seenMs)}`);
}

function renews({ health, seenMs }: HostReply, look: Look): string {
  if (health === undefined || seenMs === undefined) return 'not said';
  return health.canRenew ? 'yes' : paint(look, 'red', 'no');
}

/** A length of time in its largest unit. */
export function span(lengthMs: number): string {
  const seconds = Math.max(0, Math.round(lengthMs / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
