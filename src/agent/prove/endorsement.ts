import { readOne } from '../../identity/der.ts';
import type { TpmJob } from '../tpm2-tools.ts';

/** The templates of endorsement keys (TCG EK Credential Profile): where the certificate lies, and how the key may be used. */
export interface EkTemplate {
  readonly name: string;
  /** As `tpm2_createek` calls it. */
  readonly algorithm: string;
  readonly certificateIndex: number;
  readonly usedBy: 'policy' | 'password';
}

const rsa2048: EkTemplate = {
  name: 'RSA 2048',
  algorithm: 'rsa',
  certificateIndex: 0x01c00002,
  usedBy: 'policy',
};

/** In this order; the first has been in every TPM. */
const templates: readonly EkTemplate[] = [
  rsa2048,
  { name: 'ECC P-256', algorithm: 'ecc', certificateIndex: 0x01c0000a, usedBy: 'policy' },
  { name: 'RSA 3072', algorithm: 'rsa3072', certificateIndex: 0x01c0001c, usedBy: 'password' },
  { name: 'ECC P-384', algorithm: 'ecc384', certificateIndex: 0x01c00016, usedBy: 'password' },
];

/** Where makers put the CAs between a certificate and their root. */
const chainIndexFirst = 0x01c00100;
const chainIndexLast = 0x01c001ff;
/** As many as a control plane takes. */
const chainMax = 5;

interface Endorsement {
  readonly template: EkTemplate;
  /** TPM2B_PUBLIC. */
  readonly publicPart: Uint8Array;
  /** DER, the key's own certificate first; empty when the TPM holds none. */
  readonly chain: readonly Uint8Array[];
}

/** The key that the TPM's maker has certified, else the RSA key; its context is in `ek.context` of the job's folder. */
export async function endorsement(tpm: TpmJob): Promise<Endorsement> {
  const indices = await indicesOf(tpm);
  const certified = templates.find(({ certificateIndex }) => indices.includes(certificateIndex));
  const template = certified ?? rsa2048;
  await tpm.runAndFlush('tpm2_createek', [
    ...['--key-algorithm', template.algorithm],
    ...['--ek-context', tpm.path('ek.context'), '--public', tpm.path('ek.public')],
  ]);
  const publicPart = await tpm.read('ek.public');
  if (certified === undefined) return { template, publicPart, chain: [] };
  const between = indices.filter((one) => one >= chainIndexFirst && one <= chainIndexLast);
  const stored: Uint8Array[] = [];
  for (const index of [certified.certificateIndex, ...between.sort((a, b) => a - b)])
    stored.push(await tpm.run('tpm2_nvread', [hex(index)]));
  const chain = stored.flatMap(certificatesIn).slice(0, chainMax);
  return { template, publicPart, chain };
}

async function indicesOf(tpm: TpmJob): Promise<readonly number[]> {
  const text = Buffer.from(await tpm.run('tpm2_getcap', ['handles-nv-index'])).toString('utf8');
  return [...text.matchAll(/^- (0x[0-9a-fA-F]+)$/gm)].map((match) => Number(match[1]));
}

function hex(index: number): string {
  return `0x${index.toString(16).padStart(8, '0')}`;
}

/** One certificate after the other; what fills the rest of an index is none. */
function certificatesIn(bytes: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  let rest = bytes;
  for (;;) {
    const length = derLength(rest);
    if (length === undefined) return found;
    found.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
}

const longSequence = [0x30, 0x82];

/** Of a sequence of 256 to 65535 bytes, as certificates are. */
function derLength(bytes: Uint8Array): number | undefined {
  const [first, second, high = 0, low = 0] = bytes;
  if (first !== longSequence[0] || second !== longSequence[1]) return undefined;
  const length = 4 + high * 256 + low;
  return readOne(bytes.subarray(0, length)).ok ? length : undefined;
}
