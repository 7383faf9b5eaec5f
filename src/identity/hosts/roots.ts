import type { Finding } from '../../base/finding.ts';
import { err, type Result } from '../../base/result.ts';
import type { Admission, RootsText } from '../../model/types.ts';
import { nameText } from '../certificate-names.ts';
import { issuerProblem, keyProblem } from '../certificate-path.ts';
import { type Certificate, readCertificate } from '../certificate-read.ts';
import { fromPem } from '../pem.ts';

/** Each certificate of the text; one error where the text itself is broken. */
function rootsOf(pem: string): readonly Result<Certificate, string>[] {
  const blocks = fromPem('CERTIFICATE', pem);
  return blocks.ok ? blocks.value.map(readCertificate) : [err(blocks.error)];
}

/** Those that can be read; an intent with others is not accepted. */
export function readRoots(pem: string): readonly Certificate[] {
  return rootsOf(pem).flatMap((root) => (root.ok ? [root.value] : []));
}

/** What is wrong with the roots of `hosts`: the model reads no certificates. */
export function rootFindings({ x509pop, tpm }: Admission, nowMs: number): readonly Finding[] {
  return [x509pop, tpm?.roots].flatMap((roots) => (roots ? findingsOf(roots, nowMs) : []));
}

function findingsOf({ at, rootsPem }: RootsText, nowMs: number): readonly Finding[] {
  const roots = rootsOf(rootsPem);
  return roots.flatMap((root, index) => {
    const which = `root ${index + 1} of ${roots.length}`;
    const found = root.ok ? rootFinding(root.value, which, nowMs) : unreadable(which, root.error);
    return found === undefined ? [] : [{ ...found, at }];
  });
}

function unreadable(which: string, problem: string): Finding {
  return {
    code: 'CH1071',
    severity: 'error',
    message: `${which} cannot be read`,
    expected: 'an X.509 certificate of version 3 in PEM, in strict DER',
    found: problem,
  };
}

function rootFinding(root: Certificate, which: string, nowMs: number): Finding | undefined {
  const problem = issuerProblem(root, 'root') ?? keyProblem(root);
  if (problem !== undefined) {
    return {
      code: 'CH1072',
      severity: 'error',
      message: `${which} cannot issue host certificates`,
      expected: 'a CA with keyCertSign, without name constraints',
      found: problem,
    };
  }
  // Only a warning: a mesh that ran yesterday must start today, and the ended root admits nobody.
  return nowMs <= root.notAfterMs
    ? undefined
    : {
        code: 'CH1073',
        severity: 'warning',
        message: `${which}, ${nameText(root.subject)}, ended: no host comes in by it`,
        found: `valid until ${new Date(root.notAfterMs).toISOString()}`,
        help: 'put the new root of that CA in its place',
      };
}
