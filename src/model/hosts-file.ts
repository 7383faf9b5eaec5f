import { admissionUnlessSaid } from './admission.ts';
import { readAwsIid } from './aws-file.ts';
import { hostsFields, joinTokenFields, x509popFields } from './hosts-fields.ts';
import { readRoots } from './roots-text.ts';
import { readSeconds, readWord } from './scalars.ts';
import { readTpm } from './tpm-file.ts';
import type { Admission, X509Admission } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** A company has a few: an old one, a new one, one of another site. */
const companyRootsMax = 16;

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

function readX509pop(file: YamlFile, node: YamlNode): X509Admission | undefined {
  const fields = node === undefined ? undefined : file.fields(node, x509popFields, '`x509pop`');
  if (fields === undefined) return undefined;
  const roots = readRoots(file, fields.get('roots'), companyRootsMax);
  const name = readWord(file, fields.get('name'), ['common_name', 'dns', 'fingerprint']);
  return roots === undefined || name === undefined ? undefined : { ...roots, name };
}
