import type { RootsText } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** CA certificates in PEM. Only the outside of the blocks; the certificates in them are for who can read them. */
export function readRoots(file: YamlFile, node: YamlNode, rootsMax: number): RootsText | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'CA certificates in PEM');
  if (text === undefined) return undefined;
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    file.report('CH1074', node, 'a private key stands among the roots', {
      expected: 'certificates only',
      help: 'take it out, and out of the history of Git; make a new key, as this one was shown',
    });
    return undefined;
  }
  const count = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (count >= 1 && count <= rootsMax) return { at: file.at(node), rootsPem: text };
  file.report('CH1070', node, `the roots hold ${count} certificates in PEM`, {
    expected: `1 to ${rootsMax} blocks that begin with -----BEGIN CERTIFICATE-----`,
    help: 'write `roots: |` and below it, indented, what the file of the CA holds',
  });
  return undefined;
}
