import { isLedgerKind, type LedgerEntry, ledgerKinds } from '../base/ledger.ts';
import { timeText } from '../base/time-text.ts';
import { readLines } from './held.ts';

/** What an entry says, in a line of words: who did it comes first where somebody did. */
export function auditText(entry: LedgerEntry): string {
  const { kind, facts } = entry;
  switch (kind) {
    case 'ack':
      return `took ${things(entry)} in ${facts['tookMs']} ms`;
    case 'nack':
      return `refused ${things(entry)}: ${facts['message']}`;
    case 'proxy-holds':
      return `said what it has: ${things(entry)}`;
    case 'proxy-checkpoint':
      return `had ${held(facts).length} resources, all of them noted`;
    case 'proxy-connected':
    case 'proxy-disconnected':
      return `${kind.slice('proxy-'.length)}, ${facts['agent'] ?? 'a proxy'}`;
    case 'proxy-retired':
      return 'left the mesh';
    case 'commit-accepted':
      return `accepted "${facts['subject']}", ${filesText(facts['files'])}`;
    case 'commit-refused':
      return `refused "${facts['subject']}": ${facts['why']}`;
    case 'commit-live':
      return `live on ${facts['proxies']} proxies in ${facts['tookMs']} ms`;
    case 'ca-state':
      return 'noted what the CA is';
    case 'federation-state':
      return 'noted which bundles are believed, and how fresh they are';
    case 'host-roster':
      return 'noted every host anew';
    case 'host-state':
      return facts['state'] === 'gone' ? 'left the mesh' : 'noted how the host is';
    case 'api-call':
      return callText(facts);
    case 'breakglass':
      return grantText(facts);
    case 'verdict':
      return verdictText(facts);
    case 'rollout-pushing':
      return `${waveOf(facts)} is taking it`;
    case 'rollout-watching':
      return `${waveOf(facts)} is watched`;
    case 'rollout-halted':
      return `halted at ${waveOf(facts)}, by ${facts['by']}`;
    case 'rollout-live':
      return 'no longer watched: it is what runs';
    case 'rollout-taken-back':
      return takenBackText(facts);
    case 'endpoint':
      return `${facts['state']}, ${facts['service']} ${facts['version']} at ${facts['address']} on ${facts['host']}`;
    default:
      return otherText(entry);
  }
}

/** Who, from where, what, and how it ended. */
function callText({ by, role, from, what, status, code }: LedgerEntry['facts']): string {
  const end = code === undefined ? 'done' : `refused, ${code}`;
  const said = what === undefined ? '' : `: ${what}`;
  return `${by} (${role}, ${from ?? 'from somewhere'})${said}; ${end} (${status})`;
}

function verdictText({ verdict, codes, by, approvedBy }: LedgerEntry['facts']): string {
  return [
    `${verdict} at the gates`,
    ...(codes === undefined ? [] : [`for ${String(codes).replaceAll(',', ', ')}`]),
    ...(by === undefined ? [] : [`by ${String(by).slice(0, 12)}`]),
    ...(approvedBy === undefined ? [] : [`approved by ${approvedBy}`]),
  ].join(', ');
}

function takenBackText({ reason, branch, branchCommit, code }: LedgerEntry['facts']): string {
  const at = branchCommit === undefined ? '' : ` (${String(branchCommit).slice(0, 12)})`;
  const problem = code === undefined ? '' : `, ${code}`;
  const why = String(reason).startsWith('taken back') ? reason : `taken back: ${reason}`;
  return `${why}; the branch: ${branch}${at}${problem}`;
}

function waveOf({ wave, waves }: LedgerEntry['facts']): string {
  return `wave ${wave} of ${Math.max(1, Number(waves))}`;
}

/** Who may what comes first: it is what is looked for at night. */
function grantText(facts: LedgerEntry['facts']): string {
  const { step, by, asked, who, callee, operations, reason, ticket, ...others } = facts;
  const what = operations === undefined ? '' : ` (${operations})`;
  const words = Object.entries(others).map(([name, value]) => factText(name, value));
  return [
    `${step}: ${who} to ${callee}${what}`,
    ...[`by ${by}`, ...(asked === by ? [] : [`asked by ${asked}`])],
    ...[`because ${reason}`, ...(ticket === undefined ? [] : [`ticket ${ticket}`]), ...words],
  ].join(', ');
}

function held(facts: LedgerEntry['facts']): string[] {
  return Object.values(facts).flatMap((text) => (typeof text === 'string' ? readLines(text) : []));
}

function things({ facts }: LedgerEntry): string {
  const names = readLines(facts['has']).map((line) => line.slice(line.indexOf(' ') + 1));
  const gone = readLines(facts['gone']).map((name) => `-${name}`);
  const all = [...names, ...gone];
  return all.length === 0 ? `no ${facts['type']}` : `${facts['type']} ${all.join(', ')}`;
}

/** The first has no file before it, so all of them count as changed. */
function filesText(files: string | number | undefined): string {
  const paths = readLines(files).map((line) => line.slice(line.indexOf(' ') + 1));
  const shown = paths.slice(0, 3).join(', ');
  if (paths.length === 0) return 'no file of it changed';
  return paths.length <= 3 ? `changed ${shown}` : `changed ${shown} and ${paths.length - 3} more`;
}

/** Facts in milliseconds since the epoch are times to a reader. */
function factText(name: string, value: string | number): string {
  const isTime = name.endsWith('Ms') && typeof value === 'number' && value > yearMs;
  return isTime ? `${name.slice(0, -'Ms'.length)} ${timeText(value)}` : `${name} ${value}`;
}

/** What is shorter is a length of time. */
const yearMs = 365 * 86_400_000;

/** Kinds that other parts record: who, what they did, then each fact by its name. */
function otherText({ kind, facts }: LedgerEntry): string {
  const { by, reason, ...others } = facts;
  const what = isLedgerKind(kind) ? ledgerKinds[kind] : kind;
  const words = Object.entries(others).map(([name, value]) => factText(name, value));
  return [
    by === undefined ? what : `${by} ${what}`,
    ...(reason === undefined ? [] : [`because ${reason}`]),
    ...words,
  ].join(', ');
}
