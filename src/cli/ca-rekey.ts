import { userInfo } from 'node:os';
import { defaultKek, type Layout, layoutOf, makeLayout } from '../app/layout.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import { fitted } from '../base/wrap.ts';
import { createClient } from '../client/client.ts';
import { doesNotOpen } from '../identity/ca-store.ts';
import { nodeTransport } from '../serve/api/client.ts';
import { addKey, dropFormerKey } from '../store/kek/file.ts';
import { generateKek, openKek } from '../store/kek/open.ts';
import { openStore } from '../store/open.ts';
import { rekey } from '../store/rekey.ts';
import { usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { folderNamed } from './folder.ts';

const flags = {
  from: { type: 'string' },
  to: { type: 'string' },
  store: { type: 'string' },
  generate: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

type RekeyValues = Values<typeof flags>;

export const caRekey = command({
  usage: 'ca rekey [DIR] [--from NAME] [--to NAME [--generate]] [--store ADDRESS] [--json]',
  text: [
    'Seals the CA anew, under another key-encryption key. Each write is whole or not at all; after a crash, run it again.',
    '',
    [
      '--to NAME',
      'file:PATH, passphrase:, pkcs11:… or exec:PROGRAM (chancery help CH5212); left out: a new key in the key file of DIR, which a running control plane takes up by itself',
    ],
    ['--generate', 'make the AES key on the token of --to first'],
    [
      '--from NAME',
      'what it is sealed under now; left out: CHANCERY_KEK, else the key file of DIR',
    ],
    [
      '--store ADDRESS',
      'as for chancery server; left out: CHANCERY_STORE, else the SQLite file of DIR',
    ],
    '',
    'A key that others may have had together with the store has given the CA away: then also chancery ca rotate.',
  ],
  examples: [
    "chancery ca rekey /srv/intent --to 'exec:/usr/local/bin/aws-kms?key=alias%2Fchancery'",
  ],
  flags,
  run,
});

interface Request {
  readonly layout: Layout;
  readonly from: string;
  readonly to: string;
  readonly store: string;
  readonly generate: boolean;
}

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir = '.', ...more] = positionals;
  if (more.length > 0) throw usageError('ca rekey takes one folder');
  const request = requestOf(dir, values);
  makeLayout(request.layout);
  if (request.generate) {
    await generateKek(request.to, random);
    terminal.err('the key is made on its token');
  }
  const count = await reseal(request);
  const done = await outcome(request, count);
  const text = fitted(outcomeText(request, done), terminal.width);
  terminal.out(values.json ? JSON.stringify(done) : text);
  return 0;
}

function requestOf(dir: string, values: RekeyValues): Request {
  const { env } = process;
  const layout = layoutOf(folderNamed(dir), env);
  const from = values.from ?? env['CHANCERY_KEK'] ?? defaultKek(layout);
  const to = values.to ?? defaultKek(layout);
  if (values.to === undefined && from !== to) {
    throw usageError('ca rekey needs --to: the CA is not sealed under the key file of DIR');
  }
  const store = values.store ?? env['CHANCERY_STORE'] ?? layout.database;
  return { layout, from, to, store, generate: values.generate === true };
}

/** Gives how many documents there are. Errors: CH3001, CH5214 (what does not open), those of the keys and the store. */
async function reseal(request: Request): Promise<number> {
  const { layout, from: fromName, to: toName, store: address } = request;
  const host = { random, env: process.env };
  const from = await openKek(fromName, host);
  const isNewKeyInPlace = fromName === toName && toName === defaultKek(layout);
  // Other meshes may share any other file: that one is only ever replaced by another name.
  if (isNewKeyInPlace) addKey(layout.kekFile, random);
  const to = isNewKeyInPlace ? from : await openKek(toName, { ...host, passphrase: 'next' });
  const store = await openStore(address);
  try {
    const done = await rekey({ store, from, to, random });
    if (!done.ok) throw doesNotOpen(from, done.error.document.value, done.error.problem);
    const facts = { by: userInfo().username, from: from.id, to: to.id };
    store.record({ atMs: systemClock.nowMs(), kind: 'ca-rekey', subject: 'ca', facts });
    await store.flush();
    if (isNewKeyInPlace) dropFormerKey(layout.kekFile);
    return done.value;
  } finally {
    await store.close();
  }
}

interface Outcome {
  /** How many documents are sealed. */
  readonly documents: number;
  readonly from: string;
  readonly to: string;
  /** A new key took the place of the former one in the key file of DIR. */
  readonly newKeyInPlace: boolean;
  /** A control plane runs that has the former key. */
  readonly restartNeeded: boolean;
}

async function outcome({ layout, from, to }: Request, documents: number): Promise<Outcome> {
  const newKeyInPlace = documents > 0 && from === to && to === defaultKek(layout);
  const mayRun = documents > 0 && !newKeyInPlace;
  const api = createClient(nodeTransport(layout.controlSocket));
  const isUp = (): Promise<boolean> =>
    api.get('/healthz').then(
      () => true,
      () => false,
    );
  return { documents, from, to, newKeyInPlace, restartNeeded: mayRun && (await isUp()) };
}

function outcomeText(
  { layout, from, to }: Request,
  { documents, newKeyInPlace, restartNeeded }: Outcome,
): string {
  const start = `start the control plane with: --kek '${to}'`;
  if (documents === 0) return `nothing is sealed in the store yet; ${start}`;
  if (newKeyInPlace) {
    return `sealed under a new key in ${layout.kekFile}\nthe former key is gone, and with it what opens older backups of the store`;
  }
  const lines = [
    `sealed under ${to}`,
    ...(to === defaultKek(layout) ? [] : [start]),
    ...(restartNeeded ? ['the one that runs still has the former key: restart it'] : []),
    ...(from.startsWith('file:')
      ? [`the former key still opens older backups of the store: ${from.slice('file:'.length)}`]
      : []),
  ];
  return lines.join('\n');
}
