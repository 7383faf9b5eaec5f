import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** git-http-backend behind TLS and a password, as large hosts do it. */
export interface GitServer {
  readonly url: string;
  readonly caFile: string;
  /** Credentials of every request that came, decoded. */
  readonly seen: string[];
  /** What it answers in place of git from now on; undefined: git again. */
  fail(status: number | undefined): void;
  stop(): void;
}

export async function startGitServer(
  context: TestContext,
  options: { readonly root: string; readonly scratch: string; readonly pair: string },
): Promise<GitServer> {
  const { key, cert } = certificate(options.scratch);
  const seen: string[] = [];
  let status: number | undefined;
  const server = createServer({ key, cert }, (request, response) => {
    const [, encoded = ''] = (request.headers.authorization ?? '').split(' ');
    const pair = Buffer.from(encoded, 'base64').toString();
    seen.push(pair);
    const refusal = status ?? (pair === options.pair ? undefined : 401);
    if (refusal !== undefined) {
      const headers = { 'www-authenticate': 'Basic realm="git"', location: `/moved${request.url}` };
      response.writeHead(refusal, headers).end();
      return;
    }
    const url = new URL(request.url ?? '/', 'https://server');
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: options.root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_USER: 'ci',
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    backend.stdin.on('error', () => {});
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.once('close', () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf('\r\n\r\n');
      const head = answer.toString('latin1', 0, end).split('\r\n');
      const headers = head.map((line) => line.split(/: (.*)/s, 2) as [string, string]);
      const code = Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
      response.writeHead(code, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
      response.end(answer.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  context.after(stop);
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caFile: join(options.scratch, 'cert.pem'),
    seen,
    fail: (next) => {
      status = next;
    },
    stop,
  };
}

function certificate(dir: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=git';
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...words.split(' '), ...names], { stdio: 'pipe' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

/**
 * In place of an ssh client, server and login: takes OpenSSH's arguments, writes them down, and runs what git asks for, as
 * the far shell would. `says`: it ends with these words instead.
 */
export function sshStandIn(dir: string, says?: string): { program: string; log: string } {
  const [program, log] = [join(dir, 'ssh stand-in'), join(dir, 'ssh.log')];
  const answer =
    says === undefined
      ? 'for last; do :; done\nexec sh -c "$last"'
      : `echo '${says}' >&2\nexit 255`;
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${log}'\n${answer}\n`);
  chmodSync(program, 0o755);
  return { program, log };
}
