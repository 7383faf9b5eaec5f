import { BinaryWriter, type WireType } from '@bufbuild/protobuf/wire';

/** What goes back to Envoy as an `envoy.service.auth.v3.CheckResponse`. */
export type CheckAnswer =
  | {
      readonly kind: 'ok';
      /** Request headers that do not reach the upstream. */
      readonly headersToRemove: readonly string[];
      readonly metadata: Metadata;
    }
  | {
      readonly kind: 'denied';
      readonly httpStatus: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly body: string;
      /** For whoever reads the gRPC call itself; Envoy does not pass it on. */
      readonly message: string;
      readonly metadata: Metadata;
    };

/** Lands in Envoy's dynamic metadata under `envoy.filters.http.ext_authz`, and with it in the access log. */
export type Metadata = readonly (readonly [name: string, value: string])[];

const varint: WireType.Varint = 0;
const lengthDelimited: WireType.LengthDelimited = 2;
/** google.rpc.Code */
const permissionDenied = 7;
const unauthenticated = 16;
/** HeaderValueOption.HeaderAppendAction */
const overwriteIfExistsOrAdd = 2;

/** Writes by hand; a test holds it to the generated decoder. */
export function writeCheckResponse(answer: CheckAnswer): Uint8Array {
  const writer = new BinaryWriter();
  if (answer.kind === 'ok') {
    message(writer, 1, () => {});
    message(writer, 3, () => {
      for (const name of answer.headersToRemove) text(writer, 5, name);
    });
  } else {
    message(writer, 1, () => {
      number(writer, 1, answer.httpStatus === 401 ? unauthenticated : permissionDenied);
      text(writer, 2, answer.message);
    });
    message(writer, 2, () => {
      message(writer, 1, () => number(writer, 1, answer.httpStatus));
      for (const header of answer.headers) message(writer, 2, () => headerOption(writer, header));
      text(writer, 3, answer.body);
    });
  }
  message(writer, 4, () => struct(writer, answer.metadata));
  return writer.finish();
}

function headerOption(writer: BinaryWriter, [name, value]: readonly [string, string]): void {
  message(writer, 1, () => {
    text(writer, 1, name);
    text(writer, 2, value);
  });
  number(writer, 3, overwriteIfExistsOrAdd);
}

/** A google.protobuf.Struct of texts. */
function struct(writer: BinaryWriter, fields: Metadata): void {
  for (const [name, value] of fields) {
    message(writer, 1, () => {
      text(writer, 1, name);
      message(writer, 2, () => text(writer, 3, value));
    });
  }
}

function message(writer: BinaryWriter, field: number, body: () => void): void {
  writer.tag(field, lengthDelimited).fork();
  body();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, lengthDelimited).string(value);
}

function number(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, varint).uint32(value);
}
