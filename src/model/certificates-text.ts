import { X509Certificate } from 'node:crypto';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** AWS has some forty regions, and each a new certificate some day. */
const certificatesMax = 200;

/** Certificates of RSA keys in PEM, as DER. Whatever is not read is a finding, so that none is left out unseen. */
export function readCertificates(file: YamlFile, node: YamlNode): readonly Uint8Array[] {
  const text = file.text(node, 'certificates in PEM');
  if (text === undefined) return [];
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const begun = text.match(/-----BEGIN/g)?.length ?? 0;
  const report = (found: string): void =>
    file.report('CH1077', node, 'these are not certificates that can be used here', {
      expected: `certificates of RSA keys in PEM, at most ${certificatesMax}`,
      found,
      help: 'write `|` behind the field, and the certificates below it, indented',
    });
  if (blocks.length === 0 || blocks.length > certificatesMax || begun !== blocks.length) {
    report(begun === 0 ? 'none' : `${begun} blocks, ${blocks.length} of them whole certificates`);
    return [];
  }
  return blocks.flatMap((block, index) => {
    const read = readBlock(block);
    if (typeof read === 'string') report(`certificate ${index + 1} ${read}`);
    return typeof read === 'string' ? [] : [read];
  });
}

const rsaBitsMin = 2_048;

/** As DER, or what is wrong with it. AWS has signed in other ways too, by keys that are too short today. */
function readBlock(block: string): Uint8Array | string {
  try {
    const { publicKey, raw } = new X509Certificate(block);
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    return publicKey.asymmetricKeyType === 'rsa' && bits >= rsaBitsMin
      ? new Uint8Array(raw)
      : `has no RSA key of ${rsaBitsMin} bits or more`;
  } catch {
    return 'cannot be read';
  }
}
