import { ChanceryError } from '../base/error.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { HostProver } from '../identity/hosts/attestor.ts';
import type { Trust } from '../identity/trust.ts';
import { type ApiTarget, callApi } from '../serve/api/client.ts';
import { paths, type SvidReply } from '../serve/api/wire.ts';
import { type ControlTrust, controlTarget } from './control-trust.ts';
import type { ControlPoint } from './host-file.ts';
import { attestHost, rejoinProver } from './join.ts';
import { csrText, type KeyPair, keyPairFromPem, newKeyPair } from './key-pair.ts';
import type { HostIdentity } from './link-state.ts';
import { proverOf } from './prove/provers.ts';

interface Admitted {
  readonly identity: HostIdentity;
  readonly trust: Trust;
}

interface Joining {
  readonly address: ControlPoint;
  /** What the control plane is checked with; a local host needs none, it joins by the operator's socket. */
  readonly trust: ControlTrust | undefined;
  /** A certificate that has ended; its key still says who this host is. */
  readonly held: HostIdentity | undefined;
  /** The key to join with the first time. */
  readonly firstKey: () => Promise<KeyPair>;
  readonly random: Random;
  readonly log: Log;
}

/** Brings this host into the mesh: with the key that it has, where that is enough, else by its proof. */
export async function join(joining: Joining): Promise<Admitted> {
  const { held, address, firstKey, random } = joining;
  if (held !== undefined) {
    const back = await rejoin(joining, held);
    if (back !== undefined) return back;
  }
  return prove(joining, await proverOf(address.proof, random), await firstKey());
}

/** Undefined when the control plane wants this host to prove itself anew. */
async function rejoin(joining: Joining, held: HostIdentity): Promise<Admitted | undefined> {
  const prover = rejoinProver(held.host, keyPairFromPem(held.privateKeyPem));
  try {
    return await prove(joining, prover, newKeyPair());
  } catch (error) {
    if (!(error instanceof ChanceryError) || error.code !== 'CH3106') throw error;
    joining.log.warn('this host cannot come back with its key', problemFields(error));
    return undefined;
  }
}

async function prove(joining: Joining, prover: HostProver, key: KeyPair): Promise<Admitted> {
  const { address, log } = joining;
  log.info('this host proves itself', { method: prover.method });
  const { host, svid, trust } = await attestHost(joinTarget(joining), prover, key);
  log.info('this host is in the mesh', { host });
  const { privateKeyPem } = key;
  const provenBy = address.proof.kind;
  return { identity: { ...svid, host, privateKeyPem, provenBy }, trust };
}

function joinTarget({ address, trust }: Joining): ApiTarget {
  if (address.proof.kind === 'local') return address.proof.socket;
  if (trust === undefined) throw new Error('nothing to check the control plane with');
  return controlTarget(address, trust);
}

/** A new certificate for a new key, asked for with the present one. */
export async function renew(target: ApiTarget, held: HostIdentity): Promise<HostIdentity> {
  const key = newKeyPair();
  const body = { csr: csrText(key, 'host') };
  const svid = (await callApi(target, { method: 'POST', path: paths.renew, body })) as SvidReply;
  return { ...held, ...svid, privateKeyPem: key.privateKeyPem };
}
