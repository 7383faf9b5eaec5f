import { createHash, verify, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';
import type { AwsIidAdmission, HostName } from '../../model/types.ts';
import { type AttestationRequest, type HostAttestor, type HostProof, refused } from './attestor.ts';
import { readSignedMessage, type SignedMessage } from './cms.ts';
import { bytesOf, member } from './json-bytes.ts';

export const awsIidMethod = 'aws_iid';

/** A document is some 500 bytes; signed, with a certificate, 2 KiB. */
const signedBytesMax = 16 * 1_024;
const rsaBitsMin = 2_048;
/** Clocks of AWS and of the control plane differ. */
const clockSkewMs = 5 * 60_000;
const keyHexDigits = 32;

/**
 * An EC2 instance proves itself by the identity document that AWS signs for it. Every process of the instance can read that
 * document, and nothing in it is of the host's key: so the first key that comes with it is the host's, and it is only good for
 * a while after the instance's start. Where this is too little, give the instance a TPM (NitroTPM).
 */
export function awsIidAttestor(parts: { readonly admission: AwsIidAdmission }): HostAttestor {
  const { admission } = parts;
  return {
    method: awsIidMethod,
    begin: async (request) => {
      const signed = bytesOf(member(request.evidence, 'pkcs7'), signedBytesMax);
      if (signed === undefined) return refused('the evidence has no signed identity document');
      const document = readDocument(signed, admission);
      if (!document.ok) return refused(document.error);
      const problem = documentProblem(document.value, admission, request.nowMs);
      return problem === undefined
        ? { kind: 'proven', proof: proofOf(document.value, request) }
        : refused(problem);
    },
  };
}

interface InstanceDocument {
  readonly account: string;
  readonly instance: string;
  readonly region: string;
  readonly instanceType: string;
  readonly image: string;
  /** When the instance was last started. */
  readonly startedMs: number;
}

function readDocument(
  signed: Uint8Array,
  { certificates }: AwsIidAdmission,
): Result<InstanceDocument, string> {
  const message = readSignedMessage(signed);
  if (!message.ok) return err(`the identity document is not taken: ${message.error}`);
  if (!certificates.some((der) => hasSigned(der, message.value)))
    return err('no certificate of `hosts.aws_iid` has signed the identity document');
  const document = parseDocument(message.value.content);
  return document === undefined ? err('the identity document lacks what names it') : ok(document);
}

function hasSigned(certificate: Uint8Array, { signed, signature }: SignedMessage): boolean {
  const { publicKey } = new X509Certificate(certificate);
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (publicKey.asymmetricKeyType !== 'rsa' || bits < rsaBitsMin) return false;
  return verify('sha256', signed, publicKey, signature);
}

function parseDocument(content: Uint8Array): InstanceDocument | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    return undefined;
  }
  const fields = (json ?? {}) as Readonly<Record<string, unknown>>;
  const text = (name: string, form: RegExp): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && form.test(value) ? value : undefined;
  };
  const account = text('accountId', /^[0-9]{12}$/);
  const instance = text('instanceId', /^i-[0-9a-f]{8,32}$/);
  const region = text('region', /^[a-z0-9-]{1,40}$/);
  const instanceType = text('instanceType', /^[a-z0-9.-]{1,40}$/);
  const image = text('imageId', /^ami-[0-9a-f]{8,32}$/);
  const startedMs = Date.parse(text('pendingTime', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) ?? '');
  if (account === undefined || instance === undefined || region === undefined) return undefined;
  if (instanceType === undefined || image === undefined || Number.isNaN(startedMs))
    return undefined;
  return { account, instance, region, instanceType, image, startedMs };
}

function documentProblem(
  { account, startedMs }: InstanceDocument,
  { accounts, ageSecondsMax }: AwsIidAdmission,
  nowMs: number,
): string | undefined {
  if (!accounts.includes(account))
    return `the account ${account} is not among \`hosts.aws_iid.accounts\` of mesh.yaml`;
  if (startedMs > nowMs + clockSkewMs) return 'the instance was started in the future';
  if (nowMs - startedMs <= ageSecondsMax * 1_000) return undefined;
  return `the instance was started more than ${ageSecondsMax} s ago; start it again, or raise \`hosts.aws_iid.max_age\``;
}

/** The anchor holds the first key: whoever shows the document with another one later is refused. */
function proofOf(document: InstanceDocument, { publicKeySpki }: AttestationRequest): HostProof {
  const { account, instance, region, instanceType, image } = document;
  const key = createHash('sha256').update(publicKeySpki).digest('hex').slice(0, keyHexDigits);
  return {
    name: instance as HostName,
    anchor: `aws:${account}:${instance}:${key}`,
    selectors: [
      { kind: 'host:account', value: account },
      { kind: 'host:image', value: image },
      { kind: 'host:instance_type', value: instanceType },
      { kind: 'host:method', value: awsIidMethod },
      { kind: 'host:region', value: region },
    ],
  };
}
