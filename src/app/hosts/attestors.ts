import type { Random } from '../../base/random.ts';
import type { HostAttestor } from '../../identity/hosts/attestor.ts';
import { awsIidAttestor } from '../../identity/hosts/aws-iid.ts';
import { joinTokenAttestor } from '../../identity/hosts/join-token.ts';
import { localAttestor } from '../../identity/hosts/local.ts';
import { rejoinAttestor } from '../../identity/hosts/rejoin.ts';
import { tpmAttestor } from '../../identity/hosts/tpm.ts';
import { x509popAttestor } from '../../identity/hosts/x509pop.ts';
import type { Admission } from '../../model/types.ts';
import type { Store } from '../../store/store.ts';
import type { HostRegistry } from './registry.ts';

/** The ways in which machines come into this mesh, by their names. */
interface Attestors {
  /** For whoever reaches the host API. */
  remote(): ReadonlyMap<string, HostAttestor>;
  /** For the operator's socket. */
  local(): ReadonlyMap<string, HostAttestor>;
}

export function hostAttestors(parts: {
  readonly store: Store;
  readonly random: Random;
  readonly registry: HostRegistry;
  readonly admission: () => Admission;
}): Attestors {
  const { store, random, registry, admission } = parts;
  const always = [
    joinTokenAttestor(store),
    rejoinAttestor({
      random,
      record: (host) => registry.find(host),
      withinMs: () => admission().rejoinSecondsMax * 1_000,
    }),
  ];
  const proving = provingAttestors(random);
  const byName = (attestors: readonly HostAttestor[]): ReadonlyMap<string, HostAttestor> =>
    new Map(attestors.map((attestor) => [attestor.method, attestor]));
  return {
    remote: () => byName([...always, ...proving(admission())]),
    local: () => byName([...always, ...proving(admission()), localAttestor]),
  };
}

/** Those that mesh.yaml sets up; made anew only when it says something else. */
function provingAttestors(random: Random): (admission: Admission) => readonly HostAttestor[] {
  const made = new WeakMap<Admission, readonly HostAttestor[]>();
  return (admission) => {
    const known = made.get(admission);
    if (known !== undefined) return known;
    const { x509pop, tpm, awsIid } = admission;
    const attestors = [
      ...(x509pop === undefined ? [] : [x509popAttestor({ admission: x509pop, random })]),
      ...(tpm === undefined ? [] : [tpmAttestor({ admission: tpm, random })]),
      ...(awsIid === undefined ? [] : [awsIidAttestor({ admission: awsIid })]),
    ];
    made.set(admission, attestors);
    return attestors;
  };
}
