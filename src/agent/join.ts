import type { HostProver } from '../identity/hosts/attestor.ts';
import { answerRejoin, rejoinMethod } from '../identity/hosts/rejoin.ts';
import { type ApiTarget, callApi } from '../serve/api/client.ts';
import {
  type AttestAnswer,
  type AttestReply,
  type AttestRequest,
  paths,
} from '../serve/api/wire.ts';
import { csrText, type KeyPair } from './key-pair.ts';

/** Methods have a challenge or two; a control plane that goes on asking is broken. */
const challengesMax = 4;

/**
 * Proves this host to the control plane and brings its certificate for `key`, whose private part stays here.
 * Rejects with the control plane's refusal, or with why this machine cannot prove anything.
 */
export async function attestHost(
  target: ApiTarget,
  prover: HostProver,
  key: KeyPair,
): Promise<AttestReply & { readonly kind: 'attested' }> {
  const { method } = prover;
  const evidence = await prover.evidence(key.publicKeySpki);
  const first: AttestRequest = { method, evidence, csr: csrText(key, 'host') };
  let reply = await post(target, paths.attest, first);
  for (let asked = 0; reply.kind === 'challenge'; asked += 1) {
    if (asked === challengesMax) throw new Error('the control plane does not stop asking');
    const answer = await prover.answer(reply.challenge);
    reply = await post(target, paths.attestAnswer, { session: reply.session, answer });
  }
  return reply;
}

async function post(
  target: ApiTarget,
  path: string,
  body: AttestRequest | AttestAnswer,
): Promise<AttestReply> {
  return (await callApi(target, { method: 'POST', path, body })) as AttestReply;
}

/** Comes back with the key of a certificate that has ended. */
export function rejoinProver(host: string, held: KeyPair): HostProver {
  let comesWith: Uint8Array = new Uint8Array();
  return {
    method: rejoinMethod,
    evidence: async (publicKeySpki) => {
      comesWith = publicKeySpki;
      return { host, publicKey: Buffer.from(held.publicKeySpki).toString('base64') };
    },
    answer: async (challenge) => answerRejoin(challenge, held.privateKey, comesWith),
  };
}
