import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/** `name: number type`; `*` repeats, `map` is a map of bytes by string. */
type Fields = Readonly<
  Record<string, readonly [number, 'string' | 'bytes' | 'map' | string, '*'?]>
>;

/** The messages of the SPIFFE Workload API (appendix A): field names and numbers are the wire format. */
const messages: Readonly<Record<string, Fields>> = {
  X509SVIDRequest: {},
  X509SVIDResponse: {
    svids: [1, '.X509SVID', '*'],
    crl: [2, 'bytes', '*'],
    federated_bundles: [3, 'map'],
  },
  X509SVID: {
    spiffe_id: [1, 'string'],
    x509_svid: [2, 'bytes'],
    x509_svid_key: [3, 'bytes'],
    bundle: [4, 'bytes'],
    hint: [5, 'string'],
  },
  X509BundlesRequest: {},
  X509BundlesResponse: { crl: [1, 'bytes', '*'], bundles: [2, 'map'] },
  JWTSVIDRequest: { audience: [1, 'string', '*'], spiffe_id: [2, 'string'] },
  JWTSVIDResponse: { svids: [1, '.JWTSVID', '*'] },
  JWTSVID: { spiffe_id: [1, 'string'], svid: [2, 'string'], hint: [3, 'string'] },
  JWTBundlesRequest: {},
  JWTBundlesResponse: { bundles: [1, 'map'] },
  ValidateJWTSVIDRequest: { audience: [1, 'string'], svid: [2, 'string'] },
  ValidateJWTSVIDResponse: { spiffe_id: [1, 'string'], claims: [2, '.google.protobuf.Struct'] },
};

/** Which message answers which, and whether it goes on to. */
const methods: Readonly<Record<string, readonly [request: string, response: string, 'stream'?]>> = {
  FetchX509SVID: ['X509SVIDRequest', 'X509SVIDResponse', 'stream'],
  FetchX509Bundles: ['X509BundlesRequest', 'X509BundlesResponse', 'stream'],
  FetchJWTSVID: ['JWTSVIDRequest', 'JWTSVIDResponse'],
  FetchJWTBundles: ['JWTBundlesRequest', 'JWTBundlesResponse', 'stream'],
  ValidateJWTSVID: ['ValidateJWTSVIDRequest', 'ValidateJWTSVIDResponse'],
};

/** A proto file without a package, as the specification has it. */
export function workloadApiDescriptor(): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, {
    name: 'spiffe/workload.proto',
    syntax: 'proto3',
    dependency: ['google/protobuf/struct.proto'],
    messageType: Object.entries(messages).map(([name, fields]) => message(name, fields)),
    service: [
      {
        name: 'SpiffeWorkloadAPI',
        method: Object.entries(methods).map(([name, [input, output, stream]]) => ({
          name,
          inputType: `.${input}`,
          outputType: `.${output}`,
          serverStreaming: stream === 'stream',
        })),
      },
    ],
  });
}

type MessageInit = Exclude<
  MessageInitShape<typeof DescriptorProtoSchema>,
  { readonly $typeName: 'google.protobuf.DescriptorProto' }
>;

function message(name: string, fields: Fields): MessageInit {
  const entries = Object.entries(fields);
  return {
    name,
    field: entries.map(([field, [number, type, many]]) => ({
      name: field,
      number,
      jsonName: camelCase(field),
      label:
        many === '*' || type === 'map'
          ? FieldDescriptorProto_Label.REPEATED
          : FieldDescriptorProto_Label.OPTIONAL,
      ...(type === 'map' ? typeOf(`.${name}.${entryName(field)}`) : typeOf(type)),
    })),
    nestedType: entries
      .filter(([, [, type]]) => type === 'map')
      .map(([field]) => mapEntry(entryName(field))),
  };
}

function mapEntry(name: string): MessageInit {
  return {
    ...message(name, { key: [1, 'string'], value: [2, 'bytes'] }),
    options: { mapEntry: true },
  };
}

function typeOf(type: string): { type: FieldDescriptorProto_Type; typeName?: string } {
  switch (type) {
    case 'string':
      return { type: FieldDescriptorProto_Type.STRING };
    case 'bytes':
      return { type: FieldDescriptorProto_Type.BYTES };
    default:
      return { type: FieldDescriptorProto_Type.MESSAGE, typeName: type };
  }
}

function entryName(field: string): string {
  const camel = camelCase(field);
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}Entry`;
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
