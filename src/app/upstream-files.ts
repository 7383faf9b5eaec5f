import { createPrivateKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Ca, signIntermediate } from '../identity/ca.ts';
import { caOf } from '../identity/ca-generation.ts';
import { readCsr } from '../identity/csr.ts';
import { fromPem } from '../identity/pem.ts';
import { signatureKind } from '../identity/signature.ts';
import type { UpstreamCa } from '../identity/upstream.ts';
import type { TrustDomain } from '../model/types.ts';

export interface UpstreamFiles {
  /** The company's CA, then what is between it and the root; PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Its roots; left out where the CA is a root itself. */
  readonly bundle: string | undefined;
}

interface Loaded {
  readonly ca: Ca;
  readonly rootsDer: readonly Uint8Array[];
}

/** The company's CA in files. They are read at each use, so that the company renews them without a restart. */
export function upstreamFiles(
  files: UpstreamFiles,
  given: { readonly trustDomain: TrustDomain; readonly random: Random },
): UpstreamCa {
  return {
    name: files.certificate,
    look: async () => {
      const loaded = await load(files, given.trustDomain);
      if (!loaded.ok) return loaded;
      const { ca, rootsDer } = loaded.value;
      return ok({ rootsDer, notBeforeMs: ca.notBeforeMs, notAfterMs: ca.notAfterMs });
    },
    sign: async ({ csrDer, lifetimeSeconds, nowMs }) => {
      const loaded = await load(files, given.trustDomain);
      if (!loaded.ok) return loaded;
      const csr = readCsr(csrDer);
      if (!csr.ok) return csr;
      const { ca, rootsDer } = loaded.value;
      const { publicKeySpki } = csr.value;
      const { random } = given;
      const signed = { issuer: ca, publicKeySpki, nowMs, lifetimeSeconds, random };
      const { certificateDer } = signIntermediate(signed);
      return ok({ certificatesDer: [certificateDer, ...ca.chainDer], rootsDer });
    },
  };
}

/** A group for it is usual; everybody is a mistake. */
const othersMayRead = 0o004;

async function load(
  { certificate, key: keyFile, bundle }: UpstreamFiles,
  trustDomain: TrustDomain,
): Promise<Result<Loaded, string>> {
  try {
    const chainDer = await certificatesIn(certificate);
    if (((await stat(keyFile)).mode & othersMayRead) !== 0) {
      return err(`the key in ${keyFile} may be read by every user: chmod o-r ${keyFile}`);
    }
    const key = createPrivateKey(await readFile(keyFile, 'utf8'));
    const rootsDer = bundle === undefined ? chainDer : await certificatesIn(bundle);
    const [own] = chainDer;
    if (own === undefined || rootsDer.length === 0) {
      return err(`${own === undefined ? certificate : bundle} holds no certificate in PEM`);
    }
    if (signatureKind(key) === undefined) {
      return err(
        `the key in ${keyFile} is none that signs here: P-256, P-384, or RSA from 2048 bits`,
      );
    }
    return ok({ ca: caOf(trustDomain, own, key, chainDer), rootsDer });
  } catch (error) {
    return err(messageOf(error));
  }
}

async function certificatesIn(file: string): Promise<readonly Uint8Array[]> {
  const blocks = fromPem('CERTIFICATE', await readFile(file, 'utf8'));
  if (!blocks.ok) throw new Error(`${file}: ${blocks.error}`);
  return blocks.value;
}
