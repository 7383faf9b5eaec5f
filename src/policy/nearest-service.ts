import { nearestName } from '../base/nearest.ts';
import type { CompiledPolicy } from './compiled-policy.ts';

/** No name of a service is longer. */
const nameLengthMax = 63;
/** In a mesh of so few, any of them may be meant. */
export const comparedMax = 32;

/** By first character and length: slips mostly leave the first character as it is. */
type Index = ReadonlyMap<string, readonly string[]>;

const indexes = new WeakMap<CompiledPolicy, Index>();

/**
 * The service that was most likely meant. Any application may ask for names that are none, as many as it likes: with no
 * more than some names is one compared, those of the nearest lengths first, however many services there are.
 */
export function nearestService(policy: CompiledPolicy, name: string): string | undefined {
  if (name === '' || name.length > nameLengthMax) return undefined;
  return nearestName(name, comparedWith(policy, name));
}

export function comparedWith(policy: CompiledPolicy, name: string): readonly string[] {
  if (policy.services.size <= comparedMax) return [...policy.services.keys()];
  const index = indexes.get(policy) ?? newIndex(policy);
  indexes.set(policy, index);
  const found: string[] = [];
  const first = name.charAt(0).toLowerCase();
  for (let off = 0; off <= name.length && found.length < comparedMax; off += 1) {
    for (const length of off === 0 ? [name.length] : [name.length - off, name.length + off]) {
      const names = index.get(`${first}${length}`) ?? [];
      found.push(...names.slice(0, comparedMax - found.length));
    }
  }
  return found;
}

function newIndex({ services }: CompiledPolicy): Index {
  return Map.groupBy(services.keys(), (name) => `${name.charAt(0).toLowerCase()}${name.length}`);
}
