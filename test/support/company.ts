import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A company's own PKI in a folder, made and used with the openssl program. */
export class Company {
  readonly dir = mkdtempSync(join(tmpdir(), 'company-'));

  path(name: string): string {
    return join(this.dir, name);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** `NAME.pem` and `NAME.key`. */
  root(name: string, newkey = 'rsa:2048'): void {
    const key = newkey === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] : [newkey];
    this.#openssl([
      ...['req', '-x509', '-newkey', ...key, '-nodes', '-days', '3650'],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/O=Company/CN=${name}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
  }

  /** A CA of the company below `issuer`, which may have one CA below it. */
  issuing(name: string, issuer: string): void {
    this.#openssl([
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`],
      ...['-subj', `/O=Company/CN=${name}`],
      ...['-addext', 'basicConstraints=critical,CA:true,pathlen:1'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
      ...['-addext', 'subjectKeyIdentifier=hash'],
    ]);
    this.sign(`${name}.csr`, issuer, `${name}.pem`, 1_000);
  }

  /** Signs a request with the extensions that it asks for. */
  sign(request: string, issuer: string, out: string, days = 90): void {
    this.#openssl([
      ...['x509', '-req', '-in', request, '-out', out, '-days', String(days)],
      ...['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-copy_extensions', 'copy'],
    ]);
  }

  /** Concatenates files of the folder. */
  join(out: string, ...names: readonly string[]): void {
    const text = names.map((name) => readFileSync(this.path(name), 'utf8')).join('');
    // A file that was there keeps its mode; keys are among these.
    rmSync(this.path(out), { force: true });
    writeFileSync(this.path(out), text, { mode: 0o600 });
  }

  /** What a TLS server presents, PEM, its own certificate first. */
  presented(port: number): string {
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-showcerts', '-alpn', 'h2'];
    // The server wants a certificate of the client and ends the connection; by then it has shown its own.
    const { stdout } = spawnSync('openssl', args, { encoding: 'utf8', input: '', timeout: 10_000 });
    const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
    return (stdout.match(pem) ?? []).join('\n');
  }

  /** What openssl says of this chain with that root: `NAME: OK`, or why not. */
  verify(chainPem: string, root: string): string {
    writeFileSync(this.path('presented.pem'), `${chainPem}\n`);
    const args = ['verify', '-x509_strict', '-CAfile', `${root}.pem`];
    const { stdout, stderr } = spawnSync(
      'openssl',
      [...args, '-untrusted', 'presented.pem', 'presented.pem'],
      { cwd: this.dir, encoding: 'utf8' },
    );
    return `${stdout}${stderr}`.trim();
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.dir, stdio: 'pipe' });
  }
}
