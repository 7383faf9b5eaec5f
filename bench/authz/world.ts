import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ThrowawayCa, throwawayCa } from '../../src/app/verify/throwaway-ca.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { Intent, ServiceName, TrustDomain } from '../../src/model/types.ts';
import { policyDocument } from '../../src/policy/document.ts';
import { Child } from './children.ts';
import type { DeskFile } from './desk-process.ts';
import { trustDomain } from './rules.ts';

const domain = trustDomain as TrustDomain;

/** A CA of the bench's own. */
export function newAuthority(): ThrowawayCa {
  return throwawayCa(domain);
}

export function svidOf(authority: ThrowawayCa, service: string) {
  return authority.svid(workloadId(domain, service as ServiceName));
}

/** The real desk for this service, in a process of its own. */
export function startDesk(options: {
  readonly dir: string;
  readonly socket: string;
  readonly intent: Intent;
  readonly service: string;
  readonly authority: ThrowawayCa;
  readonly flags?: readonly string[];
}): Promise<Child> {
  const { dir, socket, service, authority } = options;
  const svid = svidOf(authority, service);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const file: DeskFile = {
    ...{ dir, socket, service, trustDomain },
    document: policyDocument(options.intent),
    rootDer: base64(authority.rootDer),
    chainDer: svid.chainDer.map(base64),
    privateKeyPkcs8: base64(svid.privateKeyPkcs8),
  };
  return Child.start('./desk-process.ts', written(dir, 'desk.json', file), options.flags);
}

export function written(dir: string, name: string, content: unknown): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}
