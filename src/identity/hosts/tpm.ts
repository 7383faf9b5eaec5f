import { timingSafeEqual } from 'node:crypto';
import type { Json } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { HostName, TpmAdmission } from '../../model/types.ts';
import type { Certificate } from '../certificate-read.ts';
import {
  type AttestationRequest,
  type AttestationStep,
  type HostAttestor,
  refused,
} from './attestor.ts';
import { ekIssuer } from './ek-issuer.ts';
import { base64, bytesOf, member } from './json-bytes.ts';
import { readRoots } from './roots.ts';
import { makeCredential } from './tpm-credential.ts';
import { ekHash, readTpmPublic, type TpmPublic, tpmName } from './tpm-public.ts';
import { qualifyingData, quoteProblem } from './tpm-quote.ts';
import { akProblem, ekProblem } from './tpm-rules.ts';

export const tpmMethod = 'tpm';

/** The largest public part here is that of an RSA key of 3072 bits with a policy: 462 bytes. */
const publicBytesMax = 1_024;
/** Certificates of makers are 1 to 2 KiB. */
const certificateBytesMax = 8 * 1_024;
const chainMax = 5;
/** A quote is some 150 bytes, a signature of 3072 bits 390. */
const statementBytesMax = 2_048;
const secretBytes = 32;
const nonceBytes = 32;
const nameHexDigits = 16;

/**
 * A machine proves itself by the endorsement key (EK) that its TPM was made with. The EK signs nothing, so an attestation
 * key (AK) does: the challenge is a secret that only the TPM of the EK gives out, and only while it holds that very AK;
 * the answer is the secret and a quote by the AK that carries the challenge and the host's new key.
 */
export function tpmAttestor(parts: {
  readonly admission: TpmAdmission;
  readonly random: Random;
}): HostAttestor {
  const { known, roots } = parts.admission;
  const admitted = { known, roots: roots === undefined ? [] : readRoots(roots.rootsPem) };
  return {
    method: tpmMethod,
    begin: async (request) => {
      const evidence = readEvidence(request.evidence);
      if (!evidence.ok) return refused(evidence.error);
      const name = admittedName(admitted, evidence.value, request.nowMs);
      if (!name.ok) return refused(name.error);
      return challenge({ ...evidence.value, name: name.value }, request, parts.random);
    },
  };
}

interface Evidence {
  readonly ek: TpmPublic;
  readonly ak: TpmPublic;
  /** DER, that of the EK first; empty where the TPM has none. */
  readonly chain: readonly Uint8Array[];
}

function readEvidence(json: Json): Result<Evidence, string> {
  const ek = readKey(member(json, 'ek'), 'endorsement key', ekProblem);
  if (!ek.ok) return ek;
  const ak = readKey(member(json, 'ak'), 'attestation key', akProblem);
  if (!ak.ok) return ak;
  const list = member(json, 'chain');
  if (!Array.isArray(list) || list.length > chainMax)
    return err(`the evidence has no chain of at most ${chainMax} certificates`);
  const chain = list.flatMap((item: Json) => bytesOf(item, certificateBytesMax) ?? []);
  if (chain.length !== list.length) return err('a certificate of the evidence is broken');
  return ok({ ek: ek.value, ak: ak.value, chain });
}

function readKey(
  json: Json | undefined,
  what: string,
  problemOf: (key: TpmPublic) => string | undefined,
): Result<TpmPublic, string> {
  const bytes = bytesOf(json, publicBytesMax);
  if (bytes === undefined) return err(`the evidence has no ${what}`);
  const key = readTpmPublic(bytes);
  if (!key.ok) return err(`the ${what} is not taken: ${key.error}`);
  const problem = problemOf(key.value);
  return problem === undefined ? key : err(`the ${what} is not taken: ${problem}`);
}

interface Admitted {
  readonly known: TpmAdmission['known'];
  readonly roots: readonly Certificate[];
}

/** Who that TPM is by the intent; where its maker vouches for it, a name made of its key. */
function admittedName(
  { known, roots }: Admitted,
  { ek, chain }: Evidence,
  nowMs: number,
): Result<HostName, string> {
  const hash = ekHash(ek);
  const name = known.get(hash);
  if (name !== undefined) return ok(name);
  const unknown = `the TPM ${hash} is not among \`hosts.tpm.known\` of mesh.yaml`;
  if (roots.length === 0) return err(unknown);
  const issuer = ekIssuer(chain, { ek, roots, nowMs });
  if (!issuer.ok) return err(`${unknown}, and ${issuer.error}`);
  return ok(`tpm-${hash.slice(0, nameHexDigits)}` as HostName);
}

function challenge(
  { ek, ak, name }: Evidence & { readonly name: HostName },
  { publicKeySpki }: AttestationRequest,
  random: Random,
): AttestationStep {
  const secret = random.bytes(secretBytes);
  const nonce = random.bytes(nonceBytes);
  const { blob, seed } = makeCredential({ ek, name: tpmName(ak), secret, random });
  const data = qualifyingData(nonce, publicKeySpki);
  return {
    kind: 'challenge',
    challenge: { credential: base64(blob), seed: base64(seed), nonce: base64(nonce) },
    answered: async (answer) => {
      const problem = answerProblem(answer, { ak, secret, data });
      return problem === undefined ? proven(ek, name) : refused(problem);
    },
  };
}

function answerProblem(
  answer: Json,
  wanted: { readonly ak: TpmPublic; readonly secret: Uint8Array; readonly data: Uint8Array },
): string | undefined {
  const secret = bytesOf(member(answer, 'secret'), secretBytes);
  const quote = bytesOf(member(answer, 'quote'), statementBytesMax);
  const signature = bytesOf(member(answer, 'signature'), statementBytesMax);
  if (secret === undefined || quote === undefined || signature === undefined)
    return 'the answer lacks the secret, the quote or its signature';
  if (secret.length !== secretBytes || !timingSafeEqual(secret, wanted.secret))
    return 'the answer holds another secret than its TPM was to open';
  return quoteProblem({ ak: wanted.ak, quote, signature, data: wanted.data });
}

function proven(ek: TpmPublic, name: HostName): AttestationStep {
  const hash = ekHash(ek);
  const selectors = [
    { kind: 'host:ek', value: hash },
    { kind: 'host:method', value: tpmMethod },
  ];
  return { kind: 'proven', proof: { name, anchor: `tpm:${hash}`, selectors } };
}
