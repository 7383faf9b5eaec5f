import { readAwsIid } from './aws-file.ts';
import { hostsFields, joinTokenFields, x509popFields } from './fields.ts';
import { readSeconds, readWord } from './scalars.ts';
import { readTpm } from './tpm-file.ts';
import type { Admission, X509Admission } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

const daySeconds = 24 * 3_600;

export const admissionUnlessSaid: Admission = {
  joinToken: { ttlSecondsMax: daySeconds },
  x509pop: undefined,
  rejoinSecondsMax: 30 * daySeconds,
  tpm: undefined,
  awsIid: undefined,
};

/** `hosts` of mesh.yaml. */
export function readAdmission(file: YamlFile, node: YamlNode): Admission {
  const fields = node === undefined ? undefined : file.fields(node, hostsFields, '`hosts`');
  if (fields === undefined) return admissionUnlessSaid;
  const tokenNode = fields.get('join_token');
  const token =
    tokenNode === undefined ? undefined : file.fields(tokenNode, joinTokenFields, '`join_token`');
  const { joinToken, rejoinSecondsMax } = admissionUnlessSaid;
  return {
    joinToken: {
      ttlSecondsMax: readSeconds(file, token?.get('max_ttl')) ?? joinToken.ttlSecondsMax,
    },
    x509pop: readX509pop(file, fields.get('x509pop')),
    rejoinSecondsMax: readSeconds(file, fields.get('rejoin')) ?? rejoinSecondsMax,
    tpm: readTpm(file, fields.get('tpm')),
    awsIid: readAwsIid(file, fields.get('aws_iid')),
  };
}

/** A company has a few: an old one, a new one, one of another site. */
const rootsMax = 16;

function readX509pop(file: YamlFile, node: YamlNode): X509Admission | undefined {
  const fields = node === undefined ? undefined : file.fields(node, x509popFields, '`x509pop`');
  if (fields === undefined) return undefined;
  const rootsNode = fields.get('roots');
  const rootsPem = readRoots(file, rootsNode);
  const name = readWord(file, fields.get('name'), ['common_name', 'dns', 'fingerprint']);
  if (rootsPem === undefined || name === undefined) return undefined;
  return { at: file.at(rootsNode), rootsPem, name };
}

/** Only the outside of the blocks; the certificates in them are for who can read them. */
function readRoots(file: YamlFile, node: YamlNode): string | undefined {
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
  if (count >= 1 && count <= rootsMax) return text;
  file.report('CH1070', node, `the roots hold ${count} certificates in PEM`, {
    expected: `1 to ${rootsMax} blocks that begin with -----BEGIN CERTIFICATE-----`,
    help: 'write `roots: |` and below it, indented, what the file of the CA holds',
  });
  return undefined;
}
