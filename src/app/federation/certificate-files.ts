import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';
import type { KeyPair } from './bundle-endpoint.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Files are read again, not watched: what renews them may replace the folder or a link to it. */
const lookEveryMs = 5_000;

/** Errors: CH3208, a file cannot be read or the two do not belong together. */
export function readCertificateFiles(files: CertificateFiles): KeyPair {
  try {
    const pair = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
    // Throws where the key is not the one of the certificate.
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    throw new ChanceryError(
      {
        code: 'CH3208',
        message: `the bundle endpoint has no certificate: ${messageOf(cause)}`,
        expected: `a certificate with its chain in ${files.cert} and its key in ${files.key}, both PEM`,
      },
      { cause },
    );
  }
}

/** Calls back with each new pair. Halves and broken files are passed over: the last good pair goes on. */
export function watchCertificateFiles(
  files: CertificateFiles,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  onChange: (pair: KeyPair) => void,
): () => void {
  let last = JSON.stringify(readCertificateFiles(files));
  let lastProblem = '';
  let cancel = (): void => {};
  const look = (): void => {
    cancel = clock.after(lookEveryMs, look);
    try {
      const pair = readCertificateFiles(files);
      const text = JSON.stringify(pair);
      lastProblem = '';
      if (text === last) return;
      last = text;
      onChange(pair);
      log.info('the bundle endpoint has a new certificate', { file: files.cert });
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== lastProblem) {
        log.warn('the bundle endpoint keeps its certificate', { problem });
      }
      lastProblem = problem;
    }
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}
