import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { isMap } from 'yaml';
import { readWords } from './condition-file.ts';
import type { TokenIssuer } from './condition-types.ts';
import { misreadNames } from './contained.ts';
import { issuerFields } from './rule-fields.ts';
import { readLabel } from './scalars.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

/** Each token is held against one of these; a mesh with more has another problem. */
const issuersMax = 50;
/** An issuer has its present key, the next and the last; what is longer is a mistake. */
const keysMax = 50;
/** What a desk verifies with; see `readIssuerJwk`. */
const [rsaBitsMin, rsaBitsMax] = [2_048, 8_192];
const claimName = /^[^\s"'\\]{1,256}$/;

/** `issuers` of mesh.yaml: whose tokens are believed here. Into `misread` go those that are not understood. */
export function readIssuers(
  file: YamlFile,
  node: YamlNode,
  misread: Set<string>,
): ReadonlyMap<string, TokenIssuer> {
  const found = new Map<string, TokenIssuer>();
  if (node === undefined) return found;
  if (!isMap(node)) {
    file.wrongType(node, 'names of issuers and what their tokens are like');
    return found;
  }
  for (const { key, keyNode, value } of file.entries(node)) {
    const since = file.findings.length;
    const issuer = readEntry(file, { keyNode, value }, found);
    if (issuer !== undefined) found.set(issuer.name, issuer);
    if (file.contain(since, misreadIssuer)) misread.add(key);
  }
  if (found.size > issuersMax) {
    file.report('CH1116', node, `there are ${found.size} issuers`, {
      expected: `at most ${issuersMax}`,
    });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Read without all that was said of it, it might be believed more. */
const misreadIssuer = `the issuer is not believed; ${misreadNames}`;

function readEntry(
  file: YamlFile,
  { keyNode, value }: { readonly keyNode: YamlNode; readonly value: YamlNode },
  found: ReadonlyMap<string, TokenIssuer>,
): TokenIssuer | undefined {
  const name = readLabel(file, keyNode, 'the name of an issuer');
  const fields = file.fields(value, issuerFields, 'an issuer');
  if (name === undefined || fields === undefined) return undefined;
  const issuer = readIssuer(file, fields, keyNode, name);
  const twin = issuer && [...found.values()].find((other) => other.issuer === issuer.issuer);
  if (twin !== undefined) {
    file.report('CH1116', fields.get('issuer'), `${twin.name} and ${name} are one issuer`, {
      related: [{ at: twin.at, message: 'the other one' }],
      help: 'join the two: a token is held against one entry',
    });
  }
  return issuer;
}

function readIssuer(
  file: YamlFile,
  fields: Fields,
  keyNode: YamlNode,
  name: string,
): TokenIssuer | undefined {
  const issuerNode = fields.get('issuer');
  const issuer =
    issuerNode === undefined ? undefined : file.text(issuerNode, 'what tokens have as `iss`');
  const audiences = readWords(file, fields.get('audience'), 'an audience').map(({ text }) => text);
  const jwks = readKeys(file, fields.get('jwks'));
  const personNode = fields.get('person');
  const person =
    personNode === undefined ? undefined : file.text(personNode, 'the name of a claim');
  if (person !== undefined && !claimName.test(person)) {
    file.report('CH1116', personNode, `"${person}" is no name of a claim`);
  }
  if (issuer === undefined || issuer === '' || audiences.length === 0 || jwks === undefined) {
    return undefined;
  }
  const known = { at: file.at(keyNode), name, issuer, audiences, jwks };
  return person === undefined ? known : { ...known, personClaim: person };
}

function readKeys(file: YamlFile, node: YamlNode): string | undefined {
  const text = node === undefined ? undefined : file.text(node, 'a JSON Web Key Set');
  if (text === undefined) return undefined;
  const problem = keysProblem(text);
  if (problem === undefined) {
    for (const weak of weakKeys(text)) {
      file.report('CH1140', node, weak, {
        severity: 'warning',
        expected: `RSA of ${rsaBitsMin} to ${rsaBitsMax} bits (RFC 7518 section 3.3)`,
      });
    }
    return text;
  }
  file.report('CH1116', node, `these are no public keys: ${problem}`, {
    expected: 'a JSON Web Key Set (RFC 7517), as the issuer publishes it under `jwks_uri`',
  });
  return undefined;
}

/** Keys of kinds that are not known are passed over, as RFC 7517 section 5 says; one must be of use. */
function keysProblem(text: string): string | undefined {
  let keys: unknown;
  try {
    keys = (JSON.parse(text) as { readonly keys?: unknown } | null)?.keys;
  } catch {
    return 'not JSON';
  }
  if (!Array.isArray(keys)) return 'there is no list `keys`';
  if (keys.length > keysMax) return `more than ${keysMax} keys`;
  const usable = keys.filter(isVerifying);
  if (keys.some((key) => typeof key === 'object' && key !== null && 'd' in key)) {
    return 'one is a private key, which is not to be written down here';
  }
  return usable.length === 0
    ? `none is an RSA key of ${rsaBitsMin} bits or more, an EC or an Ed25519 key`
    : undefined;
}

/** Nothing that they sign is believed; the others of the set are. */
function weakKeys(text: string): readonly string[] {
  const { keys } = JSON.parse(text) as { readonly keys: readonly { readonly kid?: unknown }[] };
  return keys.flatMap((key, index) => {
    const bits = rsaBits(publicKey(key));
    if (bits === undefined || isSound(bits)) return [];
    const name = typeof key.kid === 'string' ? `"${key.kid}"` : `${index + 1}`;
    return [`tokens by the key ${name} are refused: it has ${bits} bits`];
  });
}

function isVerifying(jwk: unknown): boolean {
  const key = publicKey(jwk);
  if (!['rsa', 'ec', 'ed25519'].includes(key?.asymmetricKeyType ?? '')) return false;
  const bits = rsaBits(key);
  return bits === undefined || isSound(bits);
}

function isSound(bits: number): boolean {
  return bits >= rsaBitsMin && bits <= rsaBitsMax;
}

/** Undefined: it is no RSA key. */
function rsaBits(key: KeyObject | undefined): number | undefined {
  return key?.asymmetricKeyType === 'rsa'
    ? (key.asymmetricKeyDetails?.modulusLength ?? 0)
    : undefined;
}

function publicKey(jwk: unknown): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}
