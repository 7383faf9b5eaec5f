import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HostReply } from '../../src/serve/api/wire.ts';
import { type LoneAgent, LoneControlPlane, ledgerOf, readText } from '../support/control-plane.ts';
import { fetchedSvids } from '../support/fetched-svids.ts';
import { eventually } from '../support/running-mesh.ts';
import { noTpm, SoftwareTpm } from '../support/swtpm.ts';

const program = readlinkSync('/proc/self/exe');
const files = {
  'mesh.yaml': 'mesh: hosts\ntrust_domain: hosts.test\ndefaults: { svid_ttl: 10s }\n',
  'services/web.yaml': `service: web\nowner: t\nprotocol: http\nport: 15931\nidentity: { unix: { path: "${program}" } }\n`,
  'services/db.yaml': `service: db\nowner: t\nprotocol: http\nport: 15932\nidentity: { host: { name: "db-*" }, unix: { path: "${program}" } }\n`,
};

/** A company's CA and the certificate that it gave to one of its machines. */
function hostCertificate(
  dir: string,
  name: string,
): { readonly ca: string; readonly flags: readonly string[] } {
  const path = (file: string): string => join(dir, file);
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { stdio: 'ignore' });
  const key = (file: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', path(file)];
  openssl(
    'req',
    '-x509',
    ...key('ca.key'),
    '-subj',
    '/CN=Company Machines',
    '-days',
    '9',
    '-out',
    path('ca.pem'),
  );
  openssl('req', ...key('host.key'), '-subj', `/CN=${name}`, '-out', path('host.csr'));
  writeFileSync(
    path('ext'),
    'keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n',
  );
  openssl(
    ...['x509', '-req', '-in', path('host.csr'), '-CA', path('ca.pem'), '-CAkey', path('ca.key')],
    ...['-CAcreateserial', '-days', '9', '-extfile', path('ext'), '-out', path('host.pem')],
  );
  const flags = ['--host-cert', path('host.pem'), '--host-key', path('host.key')];
  return { ca: readText(path('ca.pem')), flags };
}

describe('hosts join, renew, come back, and are cut off', () => {
  const plane = new LoneControlPlane(files);
  before(() => plane.start());
  after(() => plane.remove());

  const hostIs = (
    name: string,
    test: (host: HostReply | undefined) => boolean,
    withinMs = 15_000,
  ) =>
    eventually(
      async () => test((await plane.hosts()).get(name)),
      withinMs,
      () => `${name} does not get there`,
    );
  const isWell = (host: HostReply | undefined): boolean =>
    host !== undefined && host.connections > 0 && host.health?.canRenew === true;

  it('a machine joins with its token; the host list says how it is', async () => {
    await plane.join('web-1');
    await hostIs('web-1', isWell);
    const host = (await plane.hosts()).get('web-1');
    assert.equal(host?.method, 'join_token');
    assert.match(
      await plane.chancery('host', 'show', 'web-1', plane.intentDir),
      /certificate ends/,
    );
    assert.ok(
      ledgerOf(plane.intentDir).some((line) => /svid-issued .*host\/web-1.*attested/.test(line)),
    );
  });

  it('a process gets the services that its host may run, and no others', async () => {
    const web = plane.agents[0] as LoneAgent;
    assert.deepEqual(await identitiesOf(web.socket), ['spiffe://hosts.test/web']);
    const db = await plane.join('db-1');
    await hostIs('db-1', isWell);
    const both = ['spiffe://hosts.test/db', 'spiffe://hosts.test/web'];
    assert.deepEqual([...(await identitiesOf(db.socket))].sort(), both);
  });

  it('a token that was used is worth nothing to a second machine', async () => {
    const thief = plane.agent('thief');
    cpSync((plane.agents[0] as LoneAgent).tokenFile, thief.tokenFile);
    const { rootSha256 } = await plane.token('other');
    thief.start('--root', rootSha256[0] ?? '');
    await thief.said(
      /"CH3106","problem":"this host is not admitted: the join token for web-1 was used already/,
    );
    await thief.kill();
    await eventually(
      () => ledgerOf(plane.intentDir).some((line) => line.startsWith('host-refused')),
      10_000,
      () => ledgerOf(plane.intentDir).join('\n'),
    );
  });

  it('a control plane with another root is not spoken to', async () => {
    const lost = plane.agent('lost');
    writeFileSync(lost.tokenFile, (await plane.token('lost')).token);
    lost.start('--root', 'ab'.repeat(32));
    await lost.said(/CH3114/);
    await lost.kill();
    assert.equal((await plane.hosts()).get('lost'), undefined);
  });

  it('an agent that was killed goes on with what it kept, without its token', async () => {
    const web = plane.agents[0] as LoneAgent;
    await web.kill();
    rmSync(web.tokenFile);
    web.output = '';
    web.start();
    await hostIs('web-1', isWell);
    assert.doesNotMatch(web.output, /proves itself/);
    await identitiesOf(web.socket);
  });

  it('after everything has ended a host comes back with its key, by itself', async () => {
    const web = plane.agents[0] as LoneAgent;
    await plane.kill();
    web.output = '';
    // Longer than the life of every certificate.
    await new Promise((wake) => setTimeout(wake, 12_000));
    await plane.start();
    await hostIs('web-1', isWell, 20_000);
    assert.match(web.output, /"method":"rejoin"/);
    assert.deepEqual(await identitiesOf(web.socket), ['spiffe://hosts.test/web']);
  });

  it('a copy of a host is found when the other one has renewed, and is refused with its reason', async () => {
    const web = plane.agents[0] as LoneAgent;
    const copy = plane.agent('copy');
    await web.kill();
    cpSync(web.state, copy.state, { recursive: true });
    const root = (await plane.token('nobody')).rootSha256[0] ?? '';
    copy.start('--root', root, '--join-token-file', web.tokenFile);
    web.output = '';
    web.start();
    await eventually(
      () => [web, copy].some(({ output }) => /CH3104/.test(output)),
      20_000,
      () => `nobody is refused:\n${web.output}\n--\n${copy.output}`,
    );
    await copy.kill();
    await web.kill();
  });

  it('a ban cuts a host off within a second and says so; an eviction lets it prove itself anew', async () => {
    const db = plane.agents.find(({ state }) => state.endsWith('db-1')) as LoneAgent;
    const bannedMs = performance.now();
    await plane.chancery('host', 'ban', 'db-1', plane.intentDir, '--reason', 'stolen');
    await hostIs('db-1', (host) => host?.connections === 0, 2_000);
    await db.said(/"CH3102","problem":"the host db-1 is banned since .*: stolen/, 2_000);
    assert.ok(performance.now() - bannedMs < 3_000);
    assert.match(await plane.chancery('host', 'list', plane.intentDir), /db-1 +banned .*stolen/);
    await plane.chancery('host', 'evict', 'db-1', plane.intentDir);
    writeFileSync(db.tokenFile, (await plane.token('db-1')).token);
    await hostIs('db-1', isWell, 40_000);
  });

  it('a machine joins by the certificate that it has, as soon as mesh.yaml says how', async () => {
    const agent = plane.agent('metal-7');
    const { ca, flags } = hostCertificate(agent.state, 'metal-7.example.com');
    const { rootSha256 } = await plane.token('unused');
    agent.start('--root', rootSha256[0] ?? '', ...flags);
    await agent.said(/"CH3101","problem":"hosts are not admitted by .*x509pop/);
    await agent.kill();
    const roots = ca.replaceAll(/^/gm, '      ').trimEnd();
    const hosts = `hosts:\n  x509pop:\n    name: common_name\n    roots: |\n${roots}\n`;
    plane.write('mesh.yaml', `${files['mesh.yaml']}${hosts}`);
    await new Promise((wake) => setTimeout(wake, 1_500));
    agent.start();
    await hostIs('metal-7.example.com', isWell);
    const host = (await plane.hosts()).get('metal-7.example.com');
    assert.equal(host?.method, 'x509pop');
    assert.ok(host?.selectors.some(({ kind }) => kind === 'host:ca'));
  });

  it('a machine comes in by its TPM, by the name that mesh.yaml gives it', {
    skip: noTpm,
  }, async () => {
    const tpm = await SoftwareTpm.start();
    try {
      const tcti = tpm.access.tcti ?? '';
      const { rootSha256 } = await plane.token('unused');
      const agent = plane.agent('rack-1');
      plane.write(
        'mesh.yaml',
        `${files['mesh.yaml']}hosts:\n  tpm: { known: { rack-2: ${'0'.repeat(64)} } }\n`,
      );
      await new Promise((wake) => setTimeout(wake, 1_500));
      agent.start('--root', rootSha256[0] ?? '', '--tpm', '--tcti', tcti);
      await agent.said(/"CH3106","problem":.* is not among `hosts.tpm.known`/);
      await agent.kill();
      const text = await plane.chancery('host', 'ek', '--tcti', tcti, '--name', 'rack-1');
      plane.write('mesh.yaml', `${files['mesh.yaml']}${text.slice(text.indexOf('hosts:'))}`);
      await new Promise((wake) => setTimeout(wake, 1_500));
      agent.start();
      await hostIs('rack-1', isWell);
      const host = (await plane.hosts()).get('rack-1');
      assert.equal(host?.method, 'tpm');
      await agent.said(/"sealedBy":"tpm"/);
      assert.ok(host?.selectors.some(({ kind }) => kind === 'host:ek'));
    } finally {
      await tpm.stop();
    }
  });

  it('a name that is taken is given to another machine only on purpose', async () => {
    await assert.rejects(plane.token('db-1'), /CH3113/);
    const { token, rootSha256 } = await plane.token('db-1', '--replace');
    const replacement = plane.agent('db-1-new');
    writeFileSync(replacement.tokenFile, token);
    replacement.start('--root', rootSha256[0] ?? '');
    await replacement.said(/this host is in the mesh/);
    const old = plane.agents.find(({ state }) => state.endsWith('db-1')) as LoneAgent;
    await old.said(/CH310[46]/, 20_000);
  });
});

async function identitiesOf(socket: string): Promise<readonly string[]> {
  return (await fetchedSvids(socket)).map(({ spiffeId }) => spiffeId);
}
