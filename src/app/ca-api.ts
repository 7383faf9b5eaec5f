import { ok } from '../base/result.ts';
import { fromPem } from '../identity/pem.ts';
import { type ApiReply, type ApiRequest, refused } from '../serve/api/server.ts';
import type {
  CaImportRequest,
  CaRequestBody,
  CaRequestReply,
  CaStepRequest,
} from '../serve/api/wire.ts';
import type { CaController } from './ca-controller.ts';
import { requestReply } from './ca-reply.ts';

interface CaApiParts {
  readonly ca: CaController;
}

export async function caStep({ ca }: CaApiParts, request: ApiRequest): Promise<ApiReply> {
  const result = await ca.step(request.body as CaStepRequest);
  return result.ok ? { kind: 'json', body: ca.reply } : refused(409, result.error);
}

/** A key for the company's CA to sign; it is durable before the request is seen. */
export async function caRequest({ ca }: CaApiParts, request: ApiRequest): Promise<ApiReply> {
  const { by, replace } = request.body as CaRequestBody;
  const result = await ca.request({ by, replace });
  if (!result.ok) return refused(409, result.error);
  const body: CaRequestReply = requestReply(result.value);
  return { kind: 'json', body };
}

export async function caImport({ ca }: CaApiParts, request: ApiRequest): Promise<ApiReply> {
  const { chain, root, key, by, driven } = request.body as CaImportRequest;
  const chainDer = fromPem('CERTIFICATE', chain);
  if (!chainDer.ok) return notPem('chain', chainDer.error);
  const rootDer = root === undefined ? ok([]) : fromPem('CERTIFICATE', root);
  if (!rootDer.ok) return notPem('root', rootDer.error);
  // What was named must not be passed over.
  if (root !== undefined && rootDer.value.length === 0)
    return notPem('root', 'no certificate in it');
  const given = { certificatesDer: chainDer.value, rootsDer: rootDer.value, privateKeyPem: key };
  const result = await ca.import(given, { by, driven });
  return result.ok ? { kind: 'json', body: ca.reply } : refused(409, result.error);
}

function notPem(which: string, problem: string): ApiReply {
  return refused(400, {
    code: 'CH3013',
    message: `the file of the ${which} cannot be read`,
    expected: 'certificates in PEM',
    found: problem,
  });
}
