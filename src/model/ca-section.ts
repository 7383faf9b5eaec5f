import { caFields } from './fields.ts';
import { readSeconds } from './scalars.ts';
import type { CaLifetimes } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

const daySeconds = 24 * 3_600;

export const caUnlessSaid: CaLifetimes = {
  rootTtlSeconds: 365 * daySeconds,
  intermediateTtlSeconds: 90 * daySeconds,
};

/** The next intermediate signs at half of this one's life; what it signed last must not be cut short by its end. */
const intermediateInSvidsMin = 6;
/** A root outlives at least the intermediate that signs and the one that comes next. */
const rootInIntermediatesMin = 2;
/** Nobody plans longer than this for a key. */
const ttlMsMax = 20 * 365 * daySeconds * 1_000;

/** `ca` of mesh.yaml. A lifetime that is not said follows from the other one. */
export function readCa(file: YamlFile, node: YamlNode, svidTtlSeconds: number): CaLifetimes {
  const fields = node === undefined ? undefined : file.fields(node, caFields, '`ca`');
  const intermediateNode = fields?.get('intermediate_ttl');
  const rootNode = fields?.get('root_ttl');
  const intermediateTtlSeconds =
    readSeconds(file, intermediateNode, ttlMsMax) ??
    Math.max(caUnlessSaid.intermediateTtlSeconds, intermediateInSvidsMin * svidTtlSeconds);
  const rootTtlSeconds =
    readSeconds(file, rootNode, ttlMsMax) ??
    Math.max(caUnlessSaid.rootTtlSeconds, rootInIntermediatesMin * intermediateTtlSeconds);
  if (intermediateTtlSeconds < intermediateInSvidsMin * svidTtlSeconds) {
    file.report(
      'CH1090',
      intermediateNode,
      'the intermediate lives too short for its certificates',
      {
        expected: `at least ${intermediateInSvidsMin} times svid_ttl: ${intermediateInSvidsMin * svidTtlSeconds}s`,
        found: `${intermediateTtlSeconds}s`,
        help: 'make intermediate_ttl longer, or svid_ttl shorter',
      },
    );
  }
  if (rootTtlSeconds < rootInIntermediatesMin * intermediateTtlSeconds) {
    file.report(
      'CH1091',
      rootNode ?? intermediateNode,
      'the root lives too short for its intermediates',
      {
        expected: `at least ${rootInIntermediatesMin} times intermediate_ttl: ${rootInIntermediatesMin * intermediateTtlSeconds}s`,
        found: `${rootTtlSeconds}s`,
        help: 'make root_ttl longer, or intermediate_ttl shorter',
      },
    );
  }
  return { rootTtlSeconds, intermediateTtlSeconds };
}
