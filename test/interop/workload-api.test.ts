import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';
import { type Built, goClient, pythonClient, spiffeHelper } from './clients.ts';

/** Half of the life is 10 s. `CHANCERY_LONG=1` makes it ten minutes, as many as an audit wants to see. */
const watchMs = process.env['CHANCERY_LONG'] === undefined ? 25_000 : 600_000;

interface Line {
  readonly kind: string;
  readonly id?: string;
  readonly serial?: string;
  readonly roots?: number;
  readonly error?: string;
}

/** A client as a process of its own; what it printed, line by line. */
class Client {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  #rest = '';

  constructor(command: readonly string[], socket: string) {
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, {
      env: { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString('utf8')).split('\n');
      this.#rest = lines.pop() ?? '';
      this.lines.push(...lines.map((line) => JSON.parse(line) as Line));
    });
  }

  of(kind: string): readonly Line[] {
    return this.lines.filter((line) => line.kind === kind);
  }

  get problems(): readonly Line[] {
    return this.lines.filter(({ kind }) => kind !== 'x509' && kind !== 'jwt');
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

const web =
  "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n";

function files(identities: Readonly<Record<string, string>>): Record<string, string> {
  const services = Object.entries(identities).map(([name, path], index) => [
    `services/${name}.yaml`,
    `service: ${name}\nowner: test\nprotocol: http\nport: ${15_980 + index}\n` +
      `identity: { unix: { uid: "${process.getuid?.()}", path: "${path}" } }\n`,
  ]);
  return {
    'mesh.yaml': 'mesh: interop\ntrust_domain: interop.test\ndefaults: { svid_ttl: 20s }\n',
    'services/api.yaml':
      'service: api\nowner: test\nprotocol: http\nport: 15971\nhealth: GET /\nrun: node web.js\n' +
      'allow:\n  - { from: web, to: GET / }\n',
    'services/web.yaml':
      'service: web\nowner: test\nprotocol: http\nport: 15972\nhealth: GET /\nrun: node web.js\n',
    'web.js': web,
    ...Object.fromEntries(services),
  };
}

const all: Readonly<Record<string, Built>> = {
  'go-client': goClient(),
  'py-client': pythonClient(),
  helper: spiffeHelper(),
};
const missing = Object.entries(all).flatMap(([name, one]) =>
  one.kind === 'missing' ? [`${name}: ${one.reason}`] : [],
);

describe('SPIFFE clients as they are', { skip: missing.join('; ') || false }, () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let helperDir = '';
  const clients = new Map<string, Client>();
  const commandOf = (name: string): readonly string[] => {
    const one = all[name];
    assert.ok(one?.kind === 'built');
    return one.command;
  };
  const client = (name: string): Client => {
    const one = clients.get(name);
    assert.ok(one !== undefined);
    return one;
  };

  before(async () => {
    const paths = Object.keys(all).map((name) => [name, realpathSync(commandOf(name)[0] ?? '')]);
    const [dir, remove] = intentFolder(files(Object.fromEntries(paths)));
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up();
  });
  after(async () => {
    for (const one of clients.values()) one.stop();
    await mesh.remove();
    removeFolder();
    if (helperDir !== '') rmSync(helperDir, { recursive: true, force: true });
  });

  it('go-spiffe and py-spiffe get their first SVIDs and tokens', async () => {
    for (const name of ['go-client', 'py-client']) {
      const one = new Client(commandOf(name), mesh.layout.workloadSocket);
      clients.set(name, one);
      await eventually(
        () => one.of('x509').length > 0 && one.of('jwt').length > 0,
        15_000,
        () => `${name}: ${JSON.stringify(one.lines)}`,
      );
      for (const kind of ['x509', 'jwt']) {
        assert.equal(one.of(kind)[0]?.id, `spiffe://interop.test/${name}`);
      }
    }
  });

  it('spiffe-helper writes certificate, key and bundle', async () => {
    helperDir = mkdtempSync(join(tmpdir(), 'helper-'));
    const config = join(helperDir, 'helper.conf');
    writeFileSync(
      config,
      [
        `agent_address = "${mesh.layout.workloadSocket}"`,
        `cert_dir = "${helperDir}"`,
        'svid_file_name = "svid.pem"',
        'svid_key_file_name = "svid.key"',
        'svid_bundle_file_name = "bundle.pem"',
        'jwt_svids = [{ jwt_audience = "payments", jwt_svid_file_name = "jwt.token" }]',
        'daemon_mode = true',
      ].join('\n'),
    );
    clients.set('helper', new HelperClient([...commandOf('helper'), '-config', config]));
    await eventually(
      () => helperSerial(helperDir) !== undefined,
      15_000,
      () => 'the helper wrote nothing',
    );
    const certificate = new X509Certificate(readFileSync(join(helperDir, 'svid.pem')));
    assert.equal(certificate.subjectAltName, 'URI:spiffe://interop.test/helper');
  });

  it('SVIDs of 20 s are renewed for all of them while proxies carry load: nothing fails', {
    timeout: watchMs + 60_000,
  }, async (t) => {
    const load = startLoad({
      everyMs: 10,
      requestsMax: 100_000,
      send: () => mesh.ask('web-v1', 'api', 'GET', '/'),
      key: () => 'ok',
    });
    t.after(() => load.stop());
    const helperSerials = new Set<string | undefined>();
    for (const end = performance.now() + watchMs; performance.now() < end; ) {
      helperSerials.add(helperSerial(helperDir));
      await new Promise((wake) => setTimeout(wake, 500));
    }
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok(helperSerials.size >= 3, `${helperSerials.size} certificates of the helper`);
    for (const name of ['go-client', 'py-client']) {
      const one = client(name);
      assert.deepEqual(one.problems, [], name);
      const serials = new Set(one.of('x509').map(({ serial }) => serial));
      assert.ok(serials.size >= 3, `${name}: ${serials.size} certificates`);
      t.diagnostic(`${name}: ${serials.size} certificates, ${one.of('jwt').length} tokens`);
    }
  });

  it('a new CA reaches all of them: both roots, then certificates of the new one', async () => {
    const ca = (...flags: readonly string[]): string =>
      execFileSync(process.execPath, ['bin/chancery.js', 'ca', 'rotate', mesh.dir, ...flags], {
        encoding: 'utf8',
        timeout: 30_000,
      });
    ca('--step', 'prepare');
    for (const name of ['go-client', 'py-client']) {
      await eventually(
        () => client(name).of('x509').at(-1)?.roots === 2,
        3_000,
        () => `${name} has ${client(name).of('x509').at(-1)?.roots} roots`,
      );
      assert.deepEqual(client(name).problems, [], name);
    }
    ca('--step', 'abandon');
  });

  it('another program of the same user gets PermissionDenied, with what it lacks', async () => {
    const copy = join(helperDir, 'other');
    copyFileSync(commandOf('go-client')[0] ?? '', copy);
    const other = new Client([copy], mesh.layout.workloadSocket);
    clients.set('other', other);
    await eventually(
      () => other.of('watch-error').length > 0,
      10_000,
      () => JSON.stringify(other.lines),
    );
    const [line] = other.of('watch-error');
    assert.match(line?.error ?? '', /PermissionDenied/);
    assert.match(line?.error ?? '', /wants unix:path .*; the process is .*other/);
    assert.ok(other.isRunning, 'a client that is refused comes again');
    assert.deepEqual(other.of('x509'), []);
  });

  it('a commit that gives it an identity reaches it without a restart', async () => {
    mesh.edit('services/helper.yaml', (text) =>
      text.replace(/path: "[^"]*"/, `path: "${realpathSync(join(helperDir, 'other'))}"`),
    );
    mesh.commit('the helper is another program now\n\nChancery-Approve: removal');
    await eventually(
      () => client('other').of('x509').length > 0,
      20_000,
      () => JSON.stringify(client('other').lines.slice(-5)),
    );
    assert.equal(client('other').of('x509')[0]?.id, 'spiffe://interop.test/helper');
  });
});

class HelperClient extends Client {
  constructor(command: readonly string[]) {
    super(['sh', '-c', 'exec "$@" >&2', 'sh', ...command], '');
  }
}

function helperSerial(dir: string): string | undefined {
  try {
    return new X509Certificate(readFileSync(join(dir, 'svid.pem'))).serialNumber;
  } catch {
    return undefined;
  }
}
