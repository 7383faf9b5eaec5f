import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type LedgerEntry, resourceId } from '../../src/base/ledger.ts';
import { createClient } from '../../src/client/client.ts';
import { nodeTransport } from '../../src/serve/api/client.ts';
import type { ProxyReply, ProxyResource } from '../../src/serve/api/ledger-wire.ts';
import type { StatusReply } from '../../src/serve/api/wire.ts';
import { misfit, type Schema } from '../support/json-schema.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const run = promisify(execFile);
const workload = 'reports-v1';

describe('what ran when, and from which line', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(() => mesh.remove());

  const chancery = async (...words: readonly string[]): Promise<string> => {
    const args = ['bin/chancery.js', ...words];
    // 2 is an answer too: something is not as it should be.
    const { stdout } = await run(process.execPath, args, { timeout: 30_000 }).catch(
      (error: { code?: unknown; stdout: string }) => {
        if (error.code === 2) return error;
        throw error;
      },
    );
    return stdout;
  };
  const proxy = async (atMs?: number): Promise<ProxyReply> => {
    const at = atMs === undefined ? [] : ['--at', new Date(atMs).toISOString()];
    return JSON.parse(await chancery('proxy', workload, mesh.dir, '--json', ...at)) as ProxyReply;
  };
  const status = async (...flags: readonly string[]): Promise<StatusReply> =>
    JSON.parse(await chancery('status', mesh.dir, '--json', ...flags)) as StatusReply;
  const log = async (...flags: readonly string[]): Promise<LedgerEntry[]> =>
    (await chancery('log', mesh.dir, '--json', '--limit', '1000', ...flags))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LedgerEntry);
  const routes = ({ resources }: ProxyReply): ProxyResource | undefined =>
    resources.find(({ type, name }) => type === 'RouteConfiguration' && name.includes('egress'));
  const versions = ({ resources }: ProxyReply): string[] =>
    resources.map(({ type, name, version }) => `${type} ${name} ${version}`).sort();
  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  const connected = async (): Promise<void> =>
    eventually(
      async () => {
        const { kind, resources } = await proxy();
        return kind === 'connected' && resources.every(({ state }) => state === 'accepted');
      },
      20_000,
      () => 'the proxy is not back',
    );

  it('after a commit, the time before it still has its own answer, with the line of its own commit', async () => {
    const first = head();
    const [beforeMs, was] = [Date.now(), await proxy()];
    assert.equal(was.kind, 'connected');
    for (const one of was.resources) {
      assert.equal(one.commit, first, `${one.type} ${one.name}`);
      const [place] = one.from;
      assert.ok(place !== undefined, `${one.type} ${one.name} has no place`);
      const lines = readFileSync(join(mesh.dir, place.file), 'utf8').split('\n');
      assert.ok(place.line <= lines.length);
    }
    const text = readFileSync(join(mesh.dir, 'services/payments.yaml'), 'utf8').split('\n');
    const split = routes(was)?.from.find(({ part }) => part === 'payments/default');
    assert.match(text[(split?.line ?? 0) - 1] ?? '', /- split: \{ v1: 90/);
    mesh.edit('services/payments.yaml', (text) => text.replace(/v1: 90, v2: 10/, 'v1: 50, v2: 50'));
    mesh.commit('an even split');
    await mesh.said(/live +[0-9a-f]{12} on/);
    const now = await proxy();
    assert.equal(routes(now)?.commit, head());
    assert.notEqual(routes(now)?.version, routes(was)?.version);
    const then = await proxy(beforeMs);
    assert.deepEqual(versions(then), versions(was));
    assert.equal(routes(then)?.commit, first);
    const earlier = `${workload}@${new Date(beforeMs).toISOString()}`;
    const changed = await chancery('diff', earlier, workload, mesh.dir);
    assert.match(
      changed,
      /RouteConfiguration egress\n.*services\/.*\n.*services\/.*\n.*weight: 90 -> 50/s,
    );
    assert.match(await chancery('diff', workload, workload, mesh.dir), /they run the same/);
    // The same from Git alone, and the whole mesh as it was.
    const commits = await chancery('diff', 'HEAD~1', 'HEAD', mesh.dir);
    assert.match(commits, /of .*reports-v1[\s\S]*services\/payments.yaml:\d+\n.*weight: 90 -> 50/);
    const past = await status('--at', new Date(beforeMs).toISOString());
    assert.deepEqual([past.isPast, past.commit], [true, first]);
    const present = await status();
    assert.equal(present.commit, head());
    assert.deepEqual(ofWorkloads(past), ofWorkloads(present));
    const taken = await log('--subject', head());
    assert.ok(taken.some(({ kind }) => kind === 'commit-accepted'));
    assert.match(
      String(taken.find(({ kind }) => kind === 'commit-accepted')?.facts['files']),
      /services\/payments\.yaml/,
    );
  });

  it('a proxy that was killed has nothing in the ledger until it says so, and then what it had', async () => {
    const [beforeMs, was] = [Date.now(), await proxy()];
    process.kill(mesh.proxyPid(workload), 'SIGKILL');
    await eventually(
      async () =>
        (await log('--subject', workload, '--since', new Date(beforeMs).toISOString())).some(
          ({ kind }) => kind === 'proxy-connected',
        ),
      20_000,
      () => 'the proxy does not come back',
    );
    await connected();
    assert.deepEqual(versions(await proxy()), versions(was));
    assert.deepEqual(versions(await proxy(beforeMs)), versions(was));
    const since = await log('--subject', workload, '--since', new Date(beforeMs).toISOString());
    const kinds = since.map(({ kind }) => kind);
    for (const kind of ['proxy-disconnected', 'proxy-connected', 'proxy-holds', 'ack']) {
      assert.ok(kinds.includes(kind), `${kind} of ${kinds.join(', ')}`);
    }
  });

  it('a control plane that was killed has forgotten nothing', async () => {
    const [beforeMs, was] = [Date.now(), await proxy()];
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await mesh.said(/control plane killed by SIGKILL/);
    await eventually(
      async () => {
        try {
          return (await proxy()).kind === 'connected';
        } catch {
          return false;
        }
      },
      20_000,
      () => 'it does not come back',
    );
    assert.deepEqual(versions(await proxy()), versions(was));
    assert.deepEqual(versions(await proxy(beforeMs)), versions(was));
  });

  it('what is answered of a mesh with proxies is what the OpenAPI document says', async () => {
    const api = createClient(nodeTransport(mesh.layout.controlSocket));
    const path = { name: workload };
    const { resources } = await api.get('/v1/proxies/{name}', { path });
    const [one] = resources;
    assert.ok(one !== undefined);
    const [at, id] = [Date.now(), resourceId(one)];
    const answers = {
      StatusReply: [await api.get('/v1/status'), await api.get('/v1/status', { query: { at } })],
      ProxyReply: [await api.get('/v1/proxies/{name}', { path, query: { at } })],
      MadeReply: [await api.get('/v1/resources', { query: { id } })],
      LedgerReply: [await api.get('/v1/ledger')],
      RevisionsReply: [await api.get('/v1/revisions')],
      VerdictsReply: [
        await api.get('/v1/verdicts'),
        await api.get('/v1/verdicts', { query: { at } }),
      ],
      CommitReply: [await api.get('/v1/verdicts/{name}', { path: { name: head() } })],
      CaReply: [await api.get('/v1/ca'), await api.get('/v1/ca', { query: { at } })],
      HostsReply: [await api.get('/v1/hosts')],
    };
    const text = readFileSync('schema/openapi.json', 'utf8');
    const { components } = JSON.parse(text) as {
      readonly components: { readonly schemas: Record<string, Schema> };
    };
    for (const [name, bodies] of Object.entries(answers)) {
      const schema = components.schemas[name];
      assert.ok(schema !== undefined, name);
      for (const body of bodies) assert.equal(misfit(schema, body, components.schemas), undefined);
    }
  });

  it('rotation, certificates and endpoints are in the log, in words that no pipe cuts', async () => {
    await chancery('ca', 'rotate', mesh.dir);
    const kinds = new Set((await log()).map(({ kind }) => kind));
    for (const kind of ['endpoint', 'svid-issued', 'ca-activate', 'ca-revoke']) {
      assert.ok(kinds.has(kind), `${kind} of ${[...kinds].join(', ')}`);
    }
    const text = await chancery('log', mesh.dir, '--kind', 'ack', '--kind', 'commit-accepted');
    assert.match(text, /took RouteConfiguration .* in \d+ ms/);
    assert.doesNotMatch(text, /…/);
  });
});

/** What does not change by itself while a mesh runs. */
function ofWorkloads({ workloads }: StatusReply): string[] {
  return workloads
    .map(({ workload: { id, service, version, host } }) => `${id} ${service} ${version} ${host}`)
    .sort();
}
