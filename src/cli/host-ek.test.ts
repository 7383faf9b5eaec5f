import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noTpm, SoftwareTpm } from '../../test/support/swtpm.ts';
import { parseIntent } from '../model/parse.ts';
import { hostEk } from './host-ek.ts';
import type { Terminal } from './terminal.ts';

function recorder(): { readonly terminal: Terminal; readonly text: () => string } {
  const lines: string[] = [];
  const terminal: Terminal = {
    color: false,
    width: 120,
    json: false,
    out: (text) => void lines.push(text),
    err: (text) => void lines.push(text),
    findings: () => {},
  };
  return { terminal, text: () => lines.join('\n') };
}

describe('chancery host ek', () => {
  it('prints lines that mesh.yaml takes as they are', { skip: noTpm }, async () => {
    const tpm = await SoftwareTpm.start();
    try {
      const { terminal, text } = recorder();
      const tcti = tpm.access.tcti ?? '';
      assert.equal(await hostEk(['--tcti', tcti, '--name', 'web-1'], terminal), 0);
      const hash = /^[0-9a-f]{64}/.exec(text())?.[0] ?? '';
      const lines = text().slice(text().indexOf('hosts:'));
      const { intent, findings } = parseIntent(
        new Map([
          ['mesh.yaml', `mesh: shop\ntrust_domain: shop.test\n${lines}\n`],
          ['services/web.yaml', 'service: web\nowner: me\nprotocol: http\nport: 8080\n'],
        ]),
      );
      assert.equal(intent?.mesh.hosts.tpm?.known.get(hash), 'web-1', JSON.stringify(findings));
      assert.match(text(), /RSA 2048, no certificate in the TPM/);
    } finally {
      await tpm.stop();
    }
  });

  it('asks for a name where the given one is none, before it looks at the TPM', async () => {
    const { terminal } = recorder();
    await assert.rejects(hostEk(['--name', 'Web 1'], terminal), { code: 'CH5003' });
    await assert.rejects(hostEk(['now'], terminal), { code: 'CH5003' });
  });
});
