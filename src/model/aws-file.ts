import { readCertificates } from './certificates-text.ts';
import { awsIidFields } from './hosts-fields.ts';
import { readSeconds } from './scalars.ts';
import type { AwsIidAdmission } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** Whoever has read the document can show it: long enough for an instance to start, and not much longer. */
const ageSecondsUnlessSaid = 3_600;

/** `hosts.aws_iid` of mesh.yaml. */
export function readAwsIid(file: YamlFile, node: YamlNode): AwsIidAdmission | undefined {
  const fields = node === undefined ? undefined : file.fields(node, awsIidFields, '`aws_iid`');
  if (fields === undefined) return undefined;
  const accountsNode = fields.get('accounts');
  const certificatesNode = fields.get('certificates');
  // Where one of them is missing, that was said already.
  return {
    accounts: accountsNode === undefined ? [] : readAccounts(file, accountsNode),
    certificates: certificatesNode === undefined ? [] : readCertificates(file, certificatesNode),
    ageSecondsMax: readSeconds(file, fields.get('max_age')) ?? ageSecondsUnlessSaid,
  };
}

function readAccounts(file: YamlFile, node: YamlNode): readonly string[] {
  const items = file.list(node, '`accounts` names who', true) ?? [];
  return items.flatMap((item) => {
    const text = file.text(item, 'an AWS account');
    if (text === undefined || /^[0-9]{12}$/.test(text)) return text ?? [];
    file.report('CH1079', item, `"${text}" is no AWS account`, {
      expected: 'twelve digits, in quotes, without hyphens',
    });
    return [];
  });
}
