import type { IncomingMessage } from 'node:http';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { HostProver } from '../../identity/hosts/attestor.ts';
import { awsIidMethod } from '../../identity/hosts/aws-iid.ts';
import { http } from '../../serve/api/node-http.ts';

const metadataServiceUnlessSaid = 'http://169.254.169.254';
/** The service is on the machine's own link. */
const requestTimeoutMs = 5_000;
/** A token for two requests. */
const tokenSeconds = 60;
const answerBytesMax = 32 * 1_024;

/**
 * Proves an EC2 instance by the document that AWS signs for it, from the instance metadata service (IMDSv2: a token first, by
 * a method that a proxy or a tricked web server does not pass on).
 */
export function awsIidProver(
  options: { readonly metadataService?: string | undefined } = {},
): HostProver {
  const base = options.metadataService ?? metadataServiceUnlessSaid;
  return {
    method: awsIidMethod,
    evidence: async () => {
      const seconds = { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) };
      const token = await ask(base, 'PUT', '/latest/api/token', seconds);
      const path = '/latest/dynamic/instance-identity/rsa2048';
      const text = await ask(base, 'GET', path, { 'x-aws-ec2-metadata-token': token.trim() });
      return { pkcs7: text.replaceAll(/\s/g, '') };
    },
    answer: () => Promise.reject(new Error('this method has no challenge')),
  };
}

async function ask(
  base: string,
  method: 'PUT' | 'GET',
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  try {
    const response = await open(new URL(path, base), method, headers);
    // Also when it would lead elsewhere: the service never does.
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`it answered ${response.statusCode} to ${method} ${path}`);
    }
    return await bodyOf(response);
  } catch (cause) {
    throw new ChanceryError(
      {
        code: 'CH3034',
        message: `the instance metadata service at ${base} does not give the identity document`,
        found: messageOf(cause),
        help: 'look at the metadata options of the instance: enabled, hop limit 2 inside of containers',
      },
      { cause },
    );
  }
}

function open(
  url: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Never by a proxy: what answers for a proxy is another machine.
    const signal = AbortSignal.timeout(requestTimeoutMs);
    const request = http.request(url, { method, headers, agent: false, signal });
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > answerBytesMax) throw new Error(`an answer of more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}
