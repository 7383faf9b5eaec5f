import { createHash, createPublicKey } from 'node:crypto';
import type { Json } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { parseHostName } from '../../model/scalars.ts';
import type { HostName, Selector, X509Admission } from '../../model/types.ts';
import { nameAttributes } from '../certificate-names.ts';
import { buildPath, type CertificatePath, pathLimits } from '../certificate-path.ts';
import { type Certificate, readCertificate } from '../certificate-read.ts';
import { oid } from '../oids.ts';
import {
  type AttestationRequest,
  type AttestationStep,
  type HostAttestor,
  type HostProof,
  refused,
} from './attestor.ts';
import { base64, bytesOf, member } from './json-bytes.ts';
import { readRoots } from './roots.ts';
import { nonceBytes, verifyProof, x509popMethod } from './x509pop-proof.ts';

/**
 * A machine that has a certificate of the company's CA already proves that it holds its key. Evidence:
 * `{ chain: [DER in base64, leaf first], nonce }`, challenge: `{ nonce }`, answer: `{ signature }`, bytes in base64.
 */
export function x509popAttestor(given: {
  readonly admission: X509Admission;
  readonly random: Random;
}): HostAttestor {
  const { admission, random } = given;
  const roots = readRoots(admission.rootsPem);
  return {
    method: x509popMethod,
    begin: async (request) => begin({ roots, named: admission.name, random }, request),
  };
}

interface Parts {
  readonly roots: readonly Certificate[];
  readonly named: X509Admission['name'];
  readonly random: Random;
}

function begin(parts: Parts, request: AttestationRequest): AttestationStep {
  const evidence = readEvidence(request.evidence);
  if (!evidence.ok) return refused(evidence.error);
  const { chain, agentNonce } = evidence.value;
  const [leaf, ...intermediates] = chain;
  const { roots } = parts;
  const path = buildPath({ leaf, intermediates, roots, nowMs: request.nowMs });
  if (!path.ok) return refused(path.error);
  const usage = leafProblem(leaf);
  if (usage !== undefined) return refused(usage);
  // Before the challenge: a machine whose name is not taken need not sign anything.
  const proof = proofOf(path.value, parts.named);
  if (!proof.ok) return refused(proof.error);
  const serverNonce = Uint8Array.from(parts.random.bytes(nonceBytes));
  const { publicKeySpki } = request;
  let isAnswered = false;
  return {
    kind: 'challenge',
    challenge: { nonce: base64(serverNonce) },
    answered: async (answer) => {
      if (isAnswered) return refused('the challenge was answered already');
      isAnswered = true;
      const checked = checkAnswer(leaf, { serverNonce, agentNonce, publicKeySpki }, answer);
      return checked.ok ? { kind: 'proven', proof: proof.value } : refused(checked.error);
    },
  };
}

/** RSA of 8,192 bits. */
const signatureBytesMax = 1024;

function checkAnswer(
  leaf: Certificate,
  parts: Parameters<typeof verifyProof>[1],
  answer: Json,
): Result<undefined, string> {
  const signature = bytesOf(member(answer, 'signature'), signatureBytesMax);
  if (signature === undefined) return err('the answer is not { signature } in base64');
  const spki = Buffer.from(leaf.publicKeySpki);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return verifyProof(key, parts, signature);
}

// === Evidence ===

interface Evidence {
  readonly chain: readonly [Certificate, ...Certificate[]];
  readonly agentNonce: Uint8Array;
}

/** A certificate with many names has a few thousand bytes. */
const certificateBytesMax = 24 * 1024;
const chainMax = 1 + pathLimits.sentMax;

function readEvidence(evidence: Json): Result<Evidence, string> {
  const agentNonce = bytesOf(member(evidence, 'nonce'), nonceBytes);
  if (agentNonce?.length !== nonceBytes)
    return err(`the evidence has no nonce of ${nonceBytes} bytes`);
  const list = member(evidence, 'chain');
  if (!Array.isArray(list) || list.length > chainMax) {
    return err(`the evidence has no chain of at most ${chainMax} certificates`);
  }
  const chain: Certificate[] = [];
  for (const [index, item] of list.entries()) {
    const der = bytesOf(item, certificateBytesMax);
    const certificate = der === undefined ? err('not DER in base64') : readCertificate(der);
    if (!certificate.ok) return err(`certificate ${index + 1} of the host: ${certificate.error}`);
    chain.push(certificate.value);
  }
  const [leaf, ...others] = chain;
  return leaf === undefined
    ? err('the evidence has no certificate')
    : ok({ chain: [leaf, ...others], agentNonce });
}

// === What is proven ===

const digitalSignature = 1 << 0;

/** A machine's own certificate, which may sign: neither a CA's (rule 25) nor one for something else. */
function leafProblem(leaf: Certificate): string | undefined {
  if (leaf.isCa) return 'the host certificate is that of a CA';
  return ((leaf.keyUsage?.bits ?? 0) & digitalSignature) === 0
    ? 'the key usage of the host certificate does not hold digitalSignature'
    : undefined;
}

/** More names than one machine has; each becomes a selector. */
const dnsNamesMax = 100;

function proofOf(path: CertificatePath, named: X509Admission['name']): Result<HostProof, string> {
  const [leaf] = path;
  const root = path.at(-1) ?? leaf;
  if (leaf.dnsSans.length > dnsNamesMax) {
    return err(`the host certificate has more than ${dnsNamesMax} DNS names`);
  }
  const name = hostNameOf(leaf, named);
  if (!name.ok) return name;
  const selectors: Selector[] = [
    { kind: 'host:method', value: x509popMethod },
    { kind: 'host:ca', value: sha256(root.der) },
    ...commonNames(leaf).map((value) => ({ kind: 'host:subject_cn', value })),
    ...leaf.dnsSans.map((value) => ({ kind: 'host:san_dns', value })),
  ];
  // The key, not the certificate: one that is renewed for the same key is the same machine's, and a copy of the
  // certificate proves nothing. Another key is another machine until an operator says otherwise.
  return ok({ name: name.value, anchor: `x509:${sha256(leaf.publicKeySpki)}`, selectors });
}

function commonNames({ subject }: Certificate): readonly string[] {
  return nameAttributes(subject)
    .filter(({ type }) => type === oid.commonName)
    .map(({ value }) => value);
}

/** A host name has at most 63 characters; 160 bits of a hash are as good as a key identifier. */
const fingerprintChars = 40;

function hostNameOf(leaf: Certificate, named: X509Admission['name']): Result<HostName, string> {
  switch (named) {
    case 'common_name': {
      const [name, ...others] = commonNames(leaf);
      return name === undefined || others.length > 0
        ? err('the host certificate has not exactly one common name')
        : parseName(name);
    }
    case 'dns': {
      const [name] = leaf.dnsSans;
      return name === undefined ? err('the host certificate has no DNS name') : parseName(name);
    }
    case 'fingerprint':
      return parseHostName(sha256(leaf.publicKeySpki).slice(0, fingerprintChars));
  }
}

/** Names of machines do not differ by the size of their letters (RFC 4343). */
function parseName(text: string): Result<HostName, string> {
  return parseHostName(text.toLowerCase());
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
