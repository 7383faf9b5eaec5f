import { readFileSync } from 'node:fs';
import { type Attested, attest } from '../agent/attest/attest.ts';
import { attestorParts } from '../agent/host-identities.ts';
import { readIntent } from '../app/read-intent.ts';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import { identityEntries } from '../identity/entries.ts';
import type { IdentityEntry } from '../identity/entry.ts';
import { type EntryMatch, insteadOf, matchEntries } from '../identity/match-entry.ts';
import { PeerProcess } from '../serve/grpc/peer-process.ts';

import { subjectOf, usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { type IntentAtValues, intentAt } from './intent-at.ts';
import { prose, table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const flags = {
  json: { type: 'boolean' },
  pid: { type: 'string' },
  at: { type: 'string' },
} as const;

export const identity = command({
  usage: 'identity list|explain [DIR]',
  text: [
    'Who is who on a host.',
    '',
    ['identity list [DIR]', 'each service and what a process must show to be it'],
    [
      'identity explain --pid N [DIR]',
      'what a process shows now, held against each service; 0: it is one, 2: it is none',
    ],
    '',
    [
      '--at COMMIT|TIME',
      'by the intent of a commit, or of what ran at a time; else the files in DIR as they lie',
    ],
    '',
    'Each takes --json.',
  ],
  examples: ['chancery identity explain --pid 4711 examples/shop'],
  flags,
  run,
});

const verbs = {
  command: 'identity',
  verbs: { list: undefined, explain: undefined },
  flags: { pid: ['explain'] },
} as const;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, dir = '.' } = subjectOf({ positionals, values }, verbs);
  const json = values.json === true;
  const entries =
    values.at === undefined
      ? await entriesOf(dir, terminal)
      : await entriesAt(dir, values, terminal);
  if (entries === undefined) return 1;
  switch (verb) {
    case 'list':
      terminal.out(json ? JSON.stringify(entries) : listText(entries, terminal));
      return 0;
    case 'explain': {
      const pid = Number(values.pid);
      if (!Number.isInteger(pid) || pid <= 0) throw usageError('--pid is a process number');
      return explain(pid, entries, json, terminal);
    }
  }
}

async function entriesOf(
  dir: string,
  terminal: Terminal,
): Promise<readonly IdentityEntry[] | undefined> {
  const files = await readWorkingTree(dir);
  if (!files.ok) {
    terminal.findings(files.error);
    return undefined;
  }
  const { intent, findings } = readIntent(files.value, systemClock.nowMs());
  if (intent === undefined) {
    terminal.findings(findings, files.value);
    return undefined;
  }
  return identityEntries(intent);
}

async function entriesAt(
  dir: string,
  values: IntentAtValues,
  terminal: Terminal,
): Promise<readonly IdentityEntry[] | undefined> {
  const state = await intentAt({ dir, values }, terminal);
  return state && identityEntries(state.intent);
}

async function explain(
  pid: number,
  entries: readonly IdentityEntry[],
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const attested = await attestPid(pid);
  const matches = matchEntries(entries, attested.selectors);
  const fits = matches.some(({ misses }) => misses.length === 0);
  if (json) terminal.out(JSON.stringify({ ...attested, matches }));
  else terminal.out(explainText(attested, matches, terminal));
  return fits ? 0 : 2;
}

/** The same look that the agent takes at who connects, at a process that is named. */
async function attestPid(pid: number): Promise<Attested> {
  const process = PeerProcess.open(pid, undefined);
  if (!process.ok) throw cannotLook(pid, process.error);
  try {
    const status = readFileSync(process.value.path('status'), 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const credentials = { pid, uid: field('Uid'), gid: field('Gid') };
    const peer = { kind: 'unix' as const, credentials, process: process.value };
    const attested = await attest(peer, attestorParts(), { hash: true });
    if (!attested.ok) throw cannotLook(pid, attested.error);
    return attested.value;
  } finally {
    process.value.close();
  }
}

function cannotLook(pid: number, reason: string): ChanceryError {
  return new ChanceryError({
    code: 'CH3020',
    message: `process ${pid} cannot be attested: ${reason}`,
    help: 'look at it on its own host, as root or as the user that the agent runs as',
  });
}

function listText(entries: readonly IdentityEntry[], terminal: Terminal): string {
  const rows = entries.map(({ service, spiffeId, selectors }) => [
    service,
    spiffeId,
    selectors.map(({ kind, value }) => `${kind} ${value}`).join(', '),
  ]);
  return table({ header: ['service', 'SPIFFE ID', prose('wanted')], rows, width: terminal.width });
}

function explainText(
  { pid, selectors, missing }: Attested,
  matches: readonly EntryMatch[],
  terminal: Terminal,
): string {
  const found = [
    ...selectors.map(({ kind, value }) => [kind, value]),
    ...missing.map(({ kind, reason }) => [kind, paint(terminal, 'yellow', `unknown: ${reason}`)]),
  ];
  const held = matches.map(({ entry, misses }) => {
    const [miss] = misses;
    const good = entry.selectors.length - misses.length;
    if (miss === undefined)
      return [paint(terminal, 'green', 'yes'), entry.service, entry.spiffeId, ''];
    const { kind, value } = miss.wanted;
    const why = `wants ${kind} ${value}; ${insteadOf(miss, missing)}`;
    return ['no', entry.service, `${good} of ${entry.selectors.length} hold`, why];
  });
  const { width } = terminal;
  return [
    `process ${pid} shows`,
    table({ header: ['selector', 'value'], rows: found, width }),
    '',
    matches.length === 0
      ? 'no service of this mesh has an `identity:`'
      : table({ header: ['is it', 'service', '', prose('first that failed')], rows: held, width }),
  ].join('\n');
}
