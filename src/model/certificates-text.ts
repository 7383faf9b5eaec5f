import { X509Certificate } from 'node:crypto';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** AWS has some forty regions, makers of TPMs some dozen CAs each. */
const certificatesMax = 200;

/** Certificates in PEM, one after the other, as DER. Anything that is not read is a finding, so that none is left out unseen. */
export function readCertificates(
  file: YamlFile,
  node: YamlNode,
  kind: 'CA certificates' | 'certificates',
): readonly Uint8Array[] {
  const text = file.text(node, `${kind} in PEM`);
  if (text === undefined) return [];
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const begun = text.match(/-----BEGIN/g)?.length ?? 0;
  const report = (found: string): void =>
    file.report('CH1077', node, 'these are not certificates that can be used here', {
      expected: `${kind} in PEM, at most ${certificatesMax}`,
      found,
      help: 'write `|` behind the field, and the certificates below it, indented',
    });
  if (blocks.length === 0 || blocks.length > certificatesMax || begun !== blocks.length) {
    report(begun === 0 ? 'none' : `${begun} blocks, ${blocks.length} of them whole certificates`);
    return [];
  }
  return blocks.flatMap((block, index) => {
    const read = readBlock(block);
    const problem =
      read === undefined
        ? 'cannot be read'
        : kind === 'CA certificates' && !read.ca
          ? 'is not that of a CA'
          : undefined;
    if (problem !== undefined) report(`certificate ${index + 1} ${problem}`);
    return read === undefined || problem !== undefined ? [] : [new Uint8Array(read.raw)];
  });
}

function readBlock(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}
