import type { CallStream } from './call.ts';
import { decode, encode, type Fields } from './message.ts';
import type { Method } from './method.ts';
import { grpcStatus } from './status.ts';

/** What a server can say about itself. */
export interface Descriptions {
  readonly services: readonly string[];
  /** The serialized FileDescriptorProto of this name. */
  readonly file: (name: string) => Uint8Array | undefined;
  /** The one that defines a service, a method of one, or a message. */
  readonly fileOf: (symbol: string) => Uint8Array | undefined;
}

const reflectionService = 'ServerReflection';
/** The two differ by their package only; most clients still try the older one as well. */
const packages = ['grpc.reflection.v1', 'grpc.reflection.v1alpha'];

const request = {
  fileByFilename: [3, 'string'],
  fileContainingSymbol: [4, 'string'],
  fileContainingExtension: [5, 'message', { containingType: [1, 'string'] }],
  allExtensionNumbersOfType: [6, 'string'],
} as const satisfies Fields;

const response = {
  originalRequest: [2, 'bytes'],
  fileDescriptorResponse: [4, 'message', { fileDescriptorProto: [1, 'bytes'] }],
  listServicesResponse: [6, 'message', { service: [1, 'message[]', { name: [1, 'string'] }] }],
  errorResponse: [7, 'message', { errorCode: [1, 'uint32'], errorMessage: [2, 'string'] }],
} as const satisfies Fields;

/**
 * gRPC server reflection (rule W66): clients such as grpcurl find out what may be called. It says nothing that is not
 * public, so it asks nobody who they are. `load`: descriptors are heavy and rarely asked for.
 */
export function reflectionMethods(load: () => Promise<Descriptions>): readonly Method[] {
  return packages.map((name) => ({
    kind: 'bidi',
    path: `/${name}.${reflectionService}/ServerReflectionInfo`,
    handle: async (call) => converse(call, await load()),
  }));
}

async function converse(call: CallStream, descriptions: Descriptions): Promise<void> {
  for (;;) {
    const bytes = await call.read();
    if (bytes === undefined) return;
    const said = encode(response, { originalRequest: bytes, ...answer(bytes, descriptions) });
    if (call.write(said)) continue;
    // A client that does not read is not read either.
    await new Promise<void>((resolve) => {
      call.onDrain(resolve);
      call.onClose(resolve);
    });
  }
}

function answer(bytes: Uint8Array, { services, file, fileOf }: Descriptions) {
  const asked = decode(request, bytes);
  const { fileByFilename, fileContainingSymbol, fileContainingExtension } = asked;
  if (fileContainingExtension !== undefined || asked.allExtensionNumbersOfType !== '') {
    return notFound('no message here has extensions');
  }
  if (fileByFilename !== '') return fileAnswer(fileByFilename, file(fileByFilename));
  if (fileContainingSymbol !== '') {
    return fileAnswer(fileContainingSymbol, fileOf(fileContainingSymbol));
  }
  const own = packages.map((name) => `${name}.${reflectionService}`);
  return { listServicesResponse: { service: [...services, ...own].map((name) => ({ name })) } };
}

function fileAnswer(asked: string, fileDescriptorProto: Uint8Array | undefined) {
  return fileDescriptorProto === undefined
    ? notFound(`nothing is known of "${asked}"`)
    : { fileDescriptorResponse: { fileDescriptorProto } };
}

function notFound(errorMessage: string) {
  return { errorResponse: { errorCode: grpcStatus.notFound, errorMessage } };
}
