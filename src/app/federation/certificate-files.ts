import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';

/** Certificate and key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** What the files are for, as its findings name it. */
export interface CertificateUse {
  readonly what: string;
  readonly code: 'CH3208' | 'CH5438';
}

const ofBundleEndpoint: CertificateUse = { what: 'the bundle endpoint', code: 'CH3208' };

/** Files are read again, not watched: what renews them may replace the folder or a link to it. */
const lookEveryMs = 5_000;

/** Errors: a file cannot be read or the two do not belong together. */
export function readCertificateFiles(
  files: CertificateFiles,
  { what, code }: CertificateUse = ofBundleEndpoint,
): KeyPair {
  try {
    const pair = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
    // Throws where the key is not the one of the certificate.
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    throw new ChanceryError(
      {
        code,
        message: `${what} has no certificate: ${messageOf(cause)}`,
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
  use: CertificateUse = ofBundleEndpoint,
): () => void {
  let last = JSON.stringify(readCertificateFiles(files, use));
  let lastProblem = '';
  let cancel = (): void => {};
  const look = (): void => {
    cancel = clock.after(lookEveryMs, look);
    try {
      const pair = readCertificateFiles(files, use);
      const text = JSON.stringify(pair);
      lastProblem = '';
      if (text === last) return;
      last = text;
      onChange(pair);
      log.info('there is a new certificate', { of: use.what, file: files.cert });
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== lastProblem) {
        log.warn('the certificate stays as it was', { of: use.what, problem });
      }
      lastProblem = problem;
    }
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}
