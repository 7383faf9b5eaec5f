import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import type { TrustDomain } from '../model/types.ts';
import { spkiOf } from './ca.ts';
import { createCaRequest, openRequest, storedRequest } from './ca-request.ts';
import { readCsr } from './csr.ts';
import { toPem } from './pem.ts';

const trustDomain = 'shop.test' as TrustDomain;
const request = createCaRequest({ trustDomain, nowMs: 0, by: 'test', random });

it("a request for the company's CA asks for a CA that signs leaves only, as openssl reads it", () => {
  const text = execFileSync('openssl', ['req', '-noout', '-text', '-verify'], {
    input: toPem('CERTIFICATE REQUEST', request.csrDer),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  assert.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
  assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  assert.match(text, /URI:spiffe:\/\/shop\.test\n/);
  assert.match(text, /Subject Key Identifier/);
});

it('a request is for a key of its own, which comes back from the store', () => {
  const csr = readCsr(request.csrDer);
  assert.ok(csr.ok);
  assert.deepEqual(Buffer.from(csr.value.publicKeySpki), spkiOf(request.privateKey));
  const again = openRequest(storedRequest(request));
  assert.ok(again.privateKey.equals(request.privateKey));
  assert.deepEqual(again.csrDer, Buffer.from(request.csrDer));
  const other = createCaRequest({ trustDomain, nowMs: 0, by: 'test', random });
  assert.ok(!other.privateKey.equals(request.privateKey));
});
