import { hostsFields, joinTokenFields } from './fields.ts';
import { readDurationMs } from './scalars.ts';
import type { Admission } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

const daySeconds = 24 * 3_600;

export const admissionUnlessSaid: Admission = {
  joinToken: { ttlSecondsMax: daySeconds },
  rejoinSecondsMax: 30 * daySeconds,
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
    rejoinSecondsMax: readSeconds(file, fields.get('rejoin')) ?? rejoinSecondsMax,
  };
}

function readSeconds(file: YamlFile, node: YamlNode): number | undefined {
  const valueMs = readDurationMs(file, node);
  return valueMs === undefined ? undefined : Math.max(1, Math.floor(valueMs / 1_000));
}
