import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/error.ts';
import type { Json } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import { readCertificate } from '../../identity/certificate-read.ts';
import type { HostProver } from '../../identity/hosts/attestor.ts';
import { nonceBytes, signProof, x509popMethod } from '../../identity/hosts/x509pop-proof.ts';
import { fromBase64, fromPem } from '../../identity/pem.ts';

interface HostCertificateFiles {
  /** The machine's own certificate first, then the CAs between it and the root. */
  readonly certificatePath: string;
  readonly keyPath: string;
}

interface Proof {
  readonly key: KeyObject;
  readonly agentNonce: Uint8Array;
  readonly publicKeySpki: Uint8Array;
}

/** The files are read at each proof, so that a certificate that was renewed needs no restart. */
export function x509popProver(files: HostCertificateFiles, random: Random): HostProver {
  let proof: Proof | undefined;
  return {
    method: x509popMethod,
    evidence: async (publicKeySpki) => {
      const { chain, key } = await readFiles(files);
      const agentNonce = Uint8Array.from(random.bytes(nonceBytes));
      proof = { key, agentNonce, publicKeySpki };
      return { chain: chain.map(base64), nonce: base64(agentNonce) };
    },
    answer: async (challenge) => {
      if (proof === undefined)
        throw new Error('the control plane asks for a proof that was not begun');
      const { key, ...parts } = proof;
      // A nonce of ours is used once.
      proof = undefined;
      const signature = signProof(key, { ...parts, serverNonce: nonceOf(challenge) });
      if (!signature.ok) throw new Error(`${files.keyPath}: ${signature.error}`);
      return { signature: base64(signature.value) };
    },
  };
}

async function readFiles({ certificatePath, keyPath }: HostCertificateFiles): Promise<{
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}> {
  const [certificateText, keyText] = await Promise.all([read(certificatePath), read(keyPath)]);
  const blocks = fromPem('CERTIFICATE', certificateText);
  if (!blocks.ok) throw new Error(`${certificatePath}: ${blocks.error}`);
  const [leaf] = blocks.value;
  if (leaf === undefined) throw new Error(`${certificatePath} holds no certificate in PEM`);
  const certificate = readCertificate(leaf);
  if (!certificate.ok) throw new Error(`${certificatePath} is not taken: ${certificate.error}`);
  const key = keyOf(keyText, keyPath);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!spki.equals(certificate.value.publicKeySpki)) {
    throw new Error(
      `the key in ${keyPath} is not that of the first certificate in ${certificatePath}`,
    );
  }
  return { chain: blocks.value, key };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`the host certificate cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function keyOf(text: string, path: string): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw new Error(
      `the key in ${path} is encrypted; the agent has nobody to ask for a passphrase`,
    );
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new Error(`${path} holds no private key in PEM`, { cause: error });
  }
}

function nonceOf(challenge: Json): Uint8Array {
  const isObject = typeof challenge === 'object' && challenge !== null;
  const text = isObject && 'nonce' in challenge ? challenge['nonce'] : undefined;
  const nonce = typeof text === 'string' ? fromBase64(text) : undefined;
  if (nonce?.length !== nonceBytes) {
    throw new Error(`the control plane's challenge has no nonce of ${nonceBytes} bytes`);
  }
  return nonce;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
