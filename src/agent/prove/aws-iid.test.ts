import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { awsIidProver } from './aws-iid.ts';

const token = 'a-token-of-the-service==';

/** As the metadata service answers (IMDSv2). */
const genuine: RequestListener = (request, response) => {
  const { method, url, headers } = request;
  if (method === 'PUT' && url === '/latest/api/token') {
    const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
    response.writeHead(seconds >= 1 && seconds <= 21_600 ? 200 : 400).end(token);
    return;
  }
  if (headers['x-aws-ec2-metadata-token'] !== token) {
    response.writeHead(401).end();
    return;
  }
  const known = url === '/latest/dynamic/instance-identity/rsa2048';
  response.writeHead(known ? 200 : 404).end('MIAGCSqG\nSIb3DQEH\n');
};

describe('the prover of EC2 instances', () => {
  let server: Server | undefined;
  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((closed) => server?.close(closed) ?? closed(undefined));
  });

  async function proverAt(listener: RequestListener) {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return awsIidProver({ metadataService: `http://127.0.0.1:${port}` });
  }

  it('reads the signed document with a token, and joins its lines', async () => {
    const prover = await proverAt(genuine);
    assert.deepEqual(await prover.evidence(new Uint8Array(0)), { pkcs7: 'MIAGCSqGSIb3DQEH' });
  });

  it('says what was answered when the service gives none', async () => {
    const prover = await proverAt((_request, response) => response.writeHead(403).end());
    await assert.rejects(prover.evidence(new Uint8Array(0)), (error: { finding: object }) => {
      assert.match(JSON.stringify(error.finding), /CH3034.*answered 403 to PUT/);
      return true;
    });
  });

  it('follows nobody elsewhere', async () => {
    let asked = 0;
    const prover = await proverAt((_request, response) => {
      asked += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await assert.rejects(prover.evidence(new Uint8Array(0)), { code: 'CH3034' });
    assert.equal(asked, 1);
  });

  it('takes no answer without an end', async () => {
    const prover = await proverAt((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    });
    await assert.rejects(prover.evidence(new Uint8Array(0)), { code: 'CH3034' });
  });

  it('a machine without the service is told so', async () => {
    const prover = awsIidProver({ metadataService: 'http://127.0.0.1:1' });
    await assert.rejects(prover.evidence(new Uint8Array(0)), { code: 'CH3034' });
  });
});
