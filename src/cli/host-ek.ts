import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { endorsement } from '../agent/prove/endorsement.ts';
import { withTpm } from '../agent/tpm2-tools.ts';
import { ChanceryError } from '../base/error.ts';
import { fitted } from '../base/wrap.ts';
import { ekHash, readTpmPublic } from '../identity/hosts/tpm-public.ts';
import { parseHostName } from '../model/scalars.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { paint, type Terminal } from './terminal.ts';

const flags = {
  json: { type: 'boolean' },
  tcti: { type: 'string' },
  name: { type: 'string' },
} as const;

export const hostEk = command({
  usage: 'host ek [--tcti TCTI] [--name NAME] [--json]',
  text: [
    'Prints the hash of the endorsement key of the TPM of this machine, and the lines of mesh.yaml that admit it.',
    '',
    [
      '--tcti TCTI',
      'how the TPM is reached, as tpm2-tools know it; else TPM2TOOLS_TCTI, else /dev/tpmrm0',
    ],
    ['--name NAME', 'the name of the host; else the name of this machine'],
  ],
  examples: ['chancery host ek --name web-1'],
  flags,
  run,
});

/** `chancery host ek`, without these two words. */
async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  if (positionals.length > 0) throw usageError('host ek takes no more words');
  const { tcti, name, json } = values;
  const host = parseHostName(name ?? hostname().toLowerCase());
  if (!host.ok) throw usageError(`${host.error}; take --name`);
  const found = await lookAtTpm(tcti);
  terminal.out(json === true ? JSON.stringify(found) : ekText(host.value, found, terminal));
  return 0;
}

interface FoundKey {
  readonly hash: string;
  readonly key: string;
  /** Who has certified the key; undefined when the TPM holds no certificate. */
  readonly issuer: string | undefined;
}

async function lookAtTpm(tcti: string | undefined): Promise<FoundKey> {
  const { template, publicPart, chain } = await withTpm({ tcti, env: process.env }, endorsement);
  const key = readTpmPublic(publicPart);
  if (!key.ok) {
    throw new ChanceryError({
      code: 'CH3032',
      message: 'the endorsement key of this TPM is not taken',
      found: key.error,
    });
  }
  return { hash: ekHash(key.value), key: template.name, issuer: issuerOf(chain[0]) };
}

function issuerOf(certificate: Uint8Array | undefined): string | undefined {
  try {
    return certificate && new X509Certificate(certificate).issuer.replaceAll('\n', ', ');
  } catch {
    return 'a certificate that cannot be read';
  }
}

function ekText(host: string, { hash, key, issuer }: FoundKey, terminal: Terminal): string {
  const certified = issuer === undefined ? 'no certificate in the TPM' : `certified by ${issuer}`;
  return [
    fitted(`${hash}  ${paint(terminal, 'dim', `${key}, ${certified}`)}`, terminal.width),
    '',
    'in mesh.yaml:',
    'hosts:',
    '  tpm:',
    '    known:',
    `      ${host}: ${hash}`,
  ].join('\n');
}
