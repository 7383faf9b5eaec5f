import { readFileSync } from 'node:fs';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { Json } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import type { HostProver } from '../../identity/hosts/attestor.ts';
import { joinTokenMethod } from '../../identity/hosts/join-token.ts';
import { localMethod } from '../../identity/hosts/local.ts';
import type { ProofConfig } from '../host-file.ts';

/** The agent's side of what its host file names; a host proves itself in one way, and once, so only that one is loaded. */
export async function proverOf(config: ProofConfig, random: Random): Promise<HostProver> {
  switch (config.kind) {
    case 'local':
      return stating(localMethod, () => ({ host: config.host }));
    case 'join_token':
      return stating(joinTokenMethod, () => ({ token: readToken(config.tokenFile) }));
    case 'x509pop':
      return (await import('./x509pop.ts')).x509popProver(config, random);
    case 'tpm':
      return (await import('./tpm.ts')).tpmProver({ tcti: config.tcti, env: process.env });
    case 'aws_iid':
      return (await import('./aws-iid.ts')).awsIidProver();
  }
}

/** A method whose evidence says it all. */
function stating(method: string, evidence: () => Json): HostProver {
  return {
    method,
    evidence: async () => evidence(),
    answer: async () => {
      throw new Error(`the control plane asked something that ${method} has no answer to`);
    },
  };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new ChanceryError(
      {
        code: 'CH3116',
        message: `the join token cannot be read: ${messageOf(cause)}`,
        help: 'chancery host token NAME, where the control plane runs, makes one',
      },
      { cause },
    );
  }
}
