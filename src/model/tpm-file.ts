import { isMap } from 'yaml';
import { tpmFields } from './hosts-fields.ts';
import { readRoots } from './roots-text.ts';
import { readHostName } from './scalars.ts';
import type { HostName, TpmAdmission } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** Makers of TPMs have some dozen CAs among them all. */
const makersRootsMax = 64;

/** `hosts.tpm` of mesh.yaml. */
export function readTpm(file: YamlFile, node: YamlNode): TpmAdmission | undefined {
  const fields = node === undefined ? undefined : file.fields(node, tpmFields, '`tpm`');
  if (fields === undefined) return undefined;
  const knownNode = fields.get('known');
  const rootsNode = fields.get('roots');
  const namesNobody = knownNode === undefined || (isMap(knownNode) && knownNode.items.length === 0);
  if (namesNobody && rootsNode === undefined) {
    file.report('CH1078', node, '`tpm` admits no machine', {
      expected: '`known`, `roots` or both',
      help: '`chancery host ek` on a machine prints what to write here',
    });
    return undefined;
  }
  const known: TpmAdmission['known'] =
    knownNode === undefined ? new Map() : readKnown(file, knownNode);
  const roots = readRoots(file, rootsNode, makersRootsMax);
  return { known, roots };
}

const hashDigits = /^[0-9a-f]{64}$/;

function readKnown(file: YamlFile, node: YamlNode): ReadonlyMap<string, HostName> {
  const known = new Map<string, HostName>();
  if (!isMap(node)) {
    file.wrongType(node, 'names of hosts, each with the hash of its endorsement key');
    return known;
  }
  for (const { keyNode, value } of file.entries(node)) {
    const name = readHostName(file, keyNode);
    const hash = file.text(value, 'the hash of an endorsement key');
    if (hash === undefined) continue;
    const other = known.get(hash);
    if (!hashDigits.test(hash)) {
      file.report('CH1075', value, `"${hash}" is not the hash of an endorsement key`, {
        expected: '64 digits of hex, in small letters',
        help: '`chancery host ek` on that machine prints it',
      });
    } else if (other !== undefined) {
      file.report('CH1076', value, `the host "${other}" has the same endorsement key`, {
        help: 'one TPM is one machine: run `chancery host ek` on the other one too',
      });
    } else if (name !== undefined) known.set(hash, name);
  }
  return known;
}
