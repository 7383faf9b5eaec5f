import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Federation } from '../../src/app/federation/federation.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { SpiffeId } from '../../src/identity/spiffe-id.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { silentLog, TestTrustDomain } from '../support/trust-domain.ts';
import { goFederation } from './clients.ts';

const run = promisify(execFile);
const built = goFederation();

describe('federation with go-spiffe as it is', {
  skip: built.kind === 'missing' ? built.reason : false,
}, () => {
  const program = built.kind === 'built' ? (built.command[0] ?? '') : '';
  let shop: TestTrustDomain;
  let dir = '';
  before(async () => {
    shop = await TestTrustDomain.open('shop.test');
    dir = mkdtempSync(join(tmpdir(), 'go-federation-'));
  });
  after(() => {
    shop.close();
    rmSync(dir, { recursive: true });
  });
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const fetch = async (url: string, id: string, seed: string): Promise<unknown> => {
    const { stdout } = await run(program, ['fetch', url, id, file('seed.json', seed)]);
    return JSON.parse(stdout);
  };

  it('its client takes the bundle of our endpoint by https_spiffe', async () => {
    const { url } = await shop.serve();
    const { bundle } = shop.authority.news;
    assert.deepEqual(await fetch(url, shop.id, shop.document), {
      sequence: bundle.sequence,
      hintMs: 60_000,
      roots: 1,
      kids: bundle.jwtKeys.map(({ kid }) => kid),
    });
  });

  it('its client refuses our endpoint for another ID, and with the bundle of another CA', async () => {
    const { url } = await shop.serve();
    const twin = await TestTrustDomain.open('shop.test');
    await assert.rejects(fetch(url, 'spiffe://shop.test/bundle', shop.document), /unexpected ID/);
    await assert.rejects(fetch(url, shop.id, twin.document), /could not verify/);
  });

  it('our client takes the bundle of its server', async (t) => {
    const partner = await TestTrustDomain.open('partner.test');
    const id = 'spiffe://partner.test/go' as SpiffeId;
    const { cert, key } = partner.pair(id);
    const files = [file('cert.pem', cert), file('key.pem', key)];
    const child = spawn(program, [
      ...['serve', partner.name, file('bundle.json', partner.document), ...files],
    ]);
    t.after(() => child.kill('SIGKILL'));
    const port = await new Promise<number>((resolve) =>
      child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString('utf8')))),
    );
    const store = openSqliteStore(':memory:');
    const own = () => shop.authority.news.bundle;
    const federation = new Federation({
      isLeading: () => true,
      store,
      clock: systemClock,
      log: silentLog,
      own,
    });
    const auth = { profile: 'https_spiffe', endpointId: id } as const;
    const peer = partner.peer(`https://127.0.0.1:${port}/`, { auth });
    await federation.apply(new Map([[partner.name, peer]]));
    const reply = await federation.refresh(partner.name);
    await federation.stop();
    await store.close();
    assert.deepEqual([reply?.problem, reply?.state], [undefined, 'fresh']);
    assert.deepEqual(federation.bundles, [partner.authority.news.bundle]);
  });
});
