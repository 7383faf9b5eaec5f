import assert from 'node:assert/strict';
import { chmodSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { type EnvoyBinary, resolveEnvoy } from './resolve.ts';
import { noVerdict, validateBootstrap } from './validate.ts';

const dir = mkdtempSync(join(tmpdir(), 'chancery-validate-test-'));
const node = { id: 'till', cluster: 'shop' };
let envoy: EnvoyBinary;

before(async () => {
  envoy = await resolveEnvoy({ env: process.env, onProgress: () => {} });
});

after(() => rmSync(dir, { recursive: true }));

describe('validation by Envoy', () => {
  it('a whole bootstrap is accepted without a warning', async () => {
    const bytes = toBinary(BootstrapSchema, create(BootstrapSchema, { node }));
    assert.deepEqual(await validateBootstrap(envoy, bytes), { ok: true, value: { warnings: [] } });
  });

  it("a refused bootstrap comes with Envoy's reason and nothing around it", async () => {
    const bootstrap = create(BootstrapSchema, {
      node,
      staticResources: { listeners: [{ name: 'inbound' }] },
    });
    assert.deepEqual(await validateBootstrap(envoy, toBinary(BootstrapSchema, bootstrap)), {
      ok: false,
      error: "error adding listener named 'inbound': address is necessary",
    });
  });

  it('a violated constraint is told without the dump before it, however long', async () => {
    const fine = Array.from({ length: 5_000 }, (_, index) => ({
      name: `cluster-${index}`,
      connectTimeout: { seconds: 1n },
    }));
    const staticResources = { clusters: [...fine, { name: '' }] };
    const bootstrap = create(BootstrapSchema, { node, staticResources });
    const found = await validateBootstrap(envoy, toBinary(BootstrapSchema, bootstrap));
    assert.ok(!found.ok);
    assert.match(
      found.error,
      /^Proto constraint validation failed \(.*ClusterValidationError\.Name/,
    );
  });

  it('a reason of several lines becomes one', async () => {
    const clusters = [{ name: 'till', connectTimeout: { seconds: -1n } }];
    const bootstrap = create(BootstrapSchema, { node, staticResources: { clusters } });
    assert.deepEqual(await validateBootstrap(envoy, toBinary(BootstrapSchema, bootstrap)), {
      ok: false,
      error: 'Invalid duration: Expected positive duration: seconds: -1',
    });
  });

  it('what Envoy warns of is told', async () => {
    const file = join(dir, 'deprecated.json');
    writeFileSync(file, JSON.stringify({ node, admin: { access_log_path: '/dev/null' } }));
    const found = await validateBootstrap(envoy, file);
    assert.ok(found.ok);
    assert.match(found.value.warnings[0] ?? '', /^Deprecated field: .*Admin\.access_log_path/);
  });

  it('what it cannot even be asked is no word of its own', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = join(dir, 'away');
    try {
      const found = await validateBootstrap(envoy, new Uint8Array());
      assert.ok(!found.ok && found.error.startsWith(noVerdict), JSON.stringify(found));
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  it('an Envoy that does not end is stopped at the limit', async () => {
    const path = join(dir, 'endless');
    writeFileSync(path, '#!/bin/sh\nexec /bin/sleep 60\n');
    chmodSync(path, 0o755);
    const found = await validateBootstrap({ ...envoy, path }, new Uint8Array(), { timeoutMs: 50 });
    assert.deepEqual(found, {
      ok: false,
      error: 'Envoy gave no verdict: it did not end within 0.05 s',
    });
  });

  it('an Envoy that is not there is a reason', async () => {
    const path = join(dir, 'none');
    const found = await validateBootstrap({ ...envoy, path }, new Uint8Array());
    assert.ok(!found.ok);
    assert.match(found.error, /ENOENT/);
  });

  it('leaves no file behind', async () => {
    const before = globSync(join(tmpdir(), 'chancery-validate-??????'));
    await validateBootstrap(envoy, new Uint8Array());
    assert.deepEqual(globSync(join(tmpdir(), 'chancery-validate-??????')), before);
  });
});
