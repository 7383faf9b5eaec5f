import { systemClock } from '../base/clock.ts';
import type { ApiClient } from '../client/client.ts';
import { subjectOf, type Values } from './arguments.ts';
import { importCa, requestCa } from './ca-import.ts';
import { rotate } from './ca-rotate.ts';
import { caText } from './ca-text.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { momentOf } from './moment-flag.ts';
import type { Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
  intermediate: { type: 'boolean' },
  'own-root': { type: 'boolean' },
  step: { type: 'string' },
  force: { type: 'boolean' },
  out: { type: 'string' },
  replace: { type: 'boolean' },
  chain: { type: 'string' },
  root: { type: 'string' },
  key: { type: 'string' },
  'by-hand': { type: 'boolean' },
} as const;

export type CaValues = Values<typeof flags>;

export const ca = command({
  usage: 'ca status|rotate|request|import|rekey [DIR]',
  text: [
    'The CA of a running mesh.',
    '',
    [
      'ca status [DIR]',
      'what signs now, what is trusted, and where a rotation stands and waits; 2: something ends soon',
    ],
    ['  --at TIME', 'as it was then; whom a step waited for, and warnings, are not recorded'],
    [
      'ca rotate [DIR]',
      'replace root, intermediate and token key: prepare, activate, taint, revoke, each behind its gate; the control plane drives it, also through restarts, and this command follows it',
    ],
    ['  --intermediate', 'only what is below the root'],
    ['  --own-root', "leave the company's root for one of the mesh's own"],
    [
      '  --step STEP',
      'one step by hand: prepare, activate, taint, revoke, or abandon for what is prepared',
    ],
    ['  --force', 'with --step: go on although somebody is cut off'],
    [
      'ca rekey [DIR] --to NAME',
      'seal the CA under another key-encryption key; chancery ca rekey --help has more',
    ],
    [
      'ca request [DIR]',
      "make the key of the next CA and print a request (PKCS#10) for the company's CA to sign",
    ],
    ['  --out FILE', 'write the request there'],
    ['  --replace', 'in place of the one that waits already'],
    [
      'ca import [DIR] --chain FILE',
      'take what the company signed, check it, and rotate to it through the same gates',
    ],
    [
      '  --root FILE',
      'what it must chain to; else a root in the chain or one that the mesh trusts',
    ],
    ['  --key FILE', 'a key that the company made; else the one of the request'],
    ['  --by-hand', 'prepare only; the steps that follow are taken with ca rotate --step'],
    '',
    'Each takes --json.',
    ...targetHelp,
  ],
  examples: ['chancery ca rotate examples/shop'],
  flags,
  below: { rekey: async () => (await import('./ca-rekey.ts')).caRekey },
  run,
});

const verbs = {
  command: 'ca',
  verbs: { status: undefined, rotate: undefined, request: undefined, import: undefined },
  also: ['rekey'],
  flags: {
    at: ['status'],
    out: ['request'],
    replace: ['request'],
    intermediate: ['rotate'],
    'own-root': ['rotate'],
    'by-hand': ['import'],
    step: ['rotate'],
    force: ['rotate'],
    chain: ['import'],
    root: ['import'],
    key: ['import'],
  },
} as const;

/** What every `ca` command needs. */
export interface CaCall {
  readonly api: ApiClient;
  readonly dir: string;
  readonly flags: CaValues;
  readonly terminal: Terminal;
}

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, dir } = subjectOf({ positionals, values }, verbs);
  const api = controlClient(values, dir);
  const call: CaCall = { api, dir: dir ?? '.', flags: values, terminal };
  switch (verb) {
    case 'status':
      return status(call);
    case 'rotate':
      return rotate(call);
    case 'request':
      return requestCa(call);
    case 'import':
      return importCa(call);
  }
}

async function status({ api, dir, flags, terminal }: CaCall): Promise<ExitCode> {
  const at = momentOf(flags.at, '--at');
  const reply = await api.get('/v1/ca', { query: at === undefined ? {} : { at } });
  const text = caText(reply, dir, at ?? systemClock.nowMs(), terminal);
  terminal.out(flags.json ? JSON.stringify(reply) : text);
  return reply.warnings.length > 0 ? 2 : 0;
}
