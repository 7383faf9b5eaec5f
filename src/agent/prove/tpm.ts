import type { Json } from '../../base/json.ts';
import type { HostProver } from '../../identity/hosts/attestor.ts';
import { base64, bytesOf, member } from '../../identity/hosts/json-bytes.ts';
import { tpmMethod } from '../../identity/hosts/tpm.ts';
import { qualifyingData } from '../../identity/hosts/tpm-quote.ts';
import { u32 } from '../../identity/hosts/tpm-structure.ts';
import { type TpmAccess, type TpmJob, withTpm } from '../tpm2-tools.ts';
import { type EkTemplate, endorsement } from './endorsement.ts';

/** Between evidence and answer: the keys as this TPM alone loads them again, which spares a slow one their making. */
interface Begun {
  readonly publicKeySpki: Uint8Array;
  readonly template: EkTemplate;
  readonly ekContext: Uint8Array;
  readonly akContext: Uint8Array;
}

/**
 * Proves the machine by its TPM. Nothing is kept on disk: the endorsement key comes of the TPM's seed, and so does the
 * attestation key, which is the same each time.
 */
export function tpmProver(access: TpmAccess): HostProver {
  let begun: Begun | undefined;
  return {
    method: tpmMethod,
    evidence: (publicKeySpki) =>
      withTpm(access, async (tpm) => {
        const { template, publicPart, chain } = await endorsement(tpm);
        const ak = await createAk(tpm);
        const ekContext = await tpm.read('ek.context');
        const akContext = await tpm.read('ak.context');
        begun = { publicKeySpki, template, ekContext, akContext };
        return { ek: base64(publicPart), ak: base64(ak), chain: chain.map(base64) };
      }),
    answer: async (challenge) => {
      if (begun === undefined) throw new Error('the evidence comes before the answer');
      const { publicKeySpki, ...held } = begun;
      begun = undefined;
      const { credential, seed, nonce } = readChallenge(challenge);
      return withTpm(access, async (tpm) => {
        await tpm.write('ek.context', held.ekContext);
        await tpm.write('ak.context', held.akContext);
        const secret = await activate(tpm, held.template, Buffer.concat([credential, seed]));
        const data = qualifyingData(nonce, publicKeySpki);
        return { secret: base64(secret), ...(await quote(tpm, data)) };
      });
    },
  };
}

const akAttributes = 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth';

/** In the hierarchy of the endorsement key: it lives as long, and needs the same right and no other. */
async function createAk(tpm: TpmJob): Promise<Uint8Array> {
  await tpm.runAndFlush('tpm2_createprimary', [
    ...['--quiet', '--hierarchy', 'e', '--key-algorithm', 'ecc256:ecdsa-sha256:null'],
    ...['--attributes', akAttributes, '--key-context', tpm.path('ak.context')],
    ...['--format', 'tss', '--output', tpm.path('ak.public')],
  ]);
  return tpm.read('ak.public');
}

/** How tpm2-tools mark the file of a credential: a magic number and a version. */
const credentialHead = Buffer.concat([u32(0xbadcc0de), u32(1)]);

async function activate(
  tpm: TpmJob,
  template: EkTemplate,
  credential: Uint8Array,
): Promise<Uint8Array> {
  await tpm.write('credential', Buffer.concat([credentialHead, credential]));
  const args = [
    ...['--quiet', '--credentialedkey-context', tpm.path('ak.context')],
    ...['--credentialkey-context', tpm.path('ek.context')],
    ...['--credential-blob', tpm.path('credential'), '--certinfo-data', tpm.path('secret')],
  ];
  const run = (more: readonly string[]): Promise<unknown> =>
    tpm.runAndFlush('tpm2_activatecredential', [...args, ...more]);
  if (template.usedBy === 'password') await run([]);
  else {
    await inEndorsementSession(tpm, (session) => run(['--credentialkey-auth', session]));
  }
  return tpm.read('secret');
}

/** The policy of the older templates: whoever may use the endorsement hierarchy may use the key. */
async function inEndorsementSession(
  tpm: TpmJob,
  use: (session: string) => Promise<unknown>,
): Promise<void> {
  const session = tpm.path('session');
  await tpm.run('tpm2_startauthsession', ['--policy-session', '--session', session]);
  try {
    const policy = ['--quiet', '--session', session, '--object-context', 'e'];
    await tpm.run('tpm2_policysecret', policy);
    await use(`session:${session}`);
  } finally {
    // A TPM has few sessions, and forgets none by itself.
    await tpm.run('tpm2_flushcontext', [session]);
  }
}

/** The register is one that every TPM has; what it holds is not looked at. */
const quotedRegister = 'sha256:0';

async function quote(
  tpm: TpmJob,
  data: Uint8Array,
): Promise<{ readonly quote: string; readonly signature: string }> {
  await tpm.runAndFlush('tpm2_quote', [
    ...['--quiet', '--key-context', tpm.path('ak.context'), '--pcr-list', quotedRegister],
    ...['--qualification', Buffer.from(data).toString('hex'), '--hash-algorithm', 'sha256'],
    ...['--message', tpm.path('quote'), '--format', 'tss', '--signature', tpm.path('signature')],
  ]);
  return {
    quote: base64(await tpm.read('quote')),
    signature: base64(await tpm.read('signature')),
  };
}

/** A credential is some 90 bytes, its seed at most the length of an RSA key. */
const challengeBytesMax = 1_024;

function readChallenge(
  challenge: Json,
): Readonly<Record<'credential' | 'seed' | 'nonce', Uint8Array>> {
  const part = (name: string): Uint8Array => {
    const bytes = bytesOf(member(challenge, name), challengeBytesMax);
    if (bytes === undefined) throw new Error(`the challenge of the control plane has no ${name}`);
    return bytes;
  };
  return { credential: part('credential'), seed: part('seed'), nonce: part('nonce') };
}
