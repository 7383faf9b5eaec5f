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

const varint = 0;
const lengthDelimited = 2;
/** google.rpc.Code */
const permissionDenied = 7;
const unauthenticated = 16;
/** HeaderValueOption.HeaderAppendAction */
const overwriteIfExistsOrAdd = 2;

/**
 * Writes by hand; a test holds it to the generated decoder. Bytes are put together as text of which each character is one:
 * a message has to be there before its length is, and joining texts is what JavaScript does best.
 */
export function writeCheckResponse(answer: CheckAnswer): Uint8Array {
  return Buffer.from(responseOf(answer) + part(4, struct(answer.metadata)), 'latin1');
}

function responseOf(answer: CheckAnswer): string {
  if (answer.kind === 'ok') {
    return part(1, '') + part(3, answer.headersToRemove.map((name) => text(5, name)).join(''));
  }
  const headers = answer.headers.map((header) => part(2, headerOption(header))).join('');
  return (
    part(1, number(1, statusOf(answer.httpStatus)) + text(2, answer.message)) +
    part(2, part(1, number(1, answer.httpStatus)) + headers + text(3, answer.body))
  );
}

function statusOf(httpStatus: number): number {
  return httpStatus === 401 ? unauthenticated : permissionDenied;
}

function headerOption([name, value]: readonly [string, string]): string {
  return part(1, text(1, name) + text(2, value)) + number(3, overwriteIfExistsOrAdd);
}

/** A google.protobuf.Struct of texts. */
function struct(fields: Metadata): string {
  return fields.map(([name, value]) => part(1, text(1, name) + part(2, text(3, value)))).join('');
}

const beyondAscii = /[^\0-\x7f]/;

/** UTF-8, in which ASCII is as it is. */
function text(field: number, value: string): string {
  const isPlain = !beyondAscii.test(value);
  return part(field, isPlain ? value : Buffer.from(value, 'utf8').toString('latin1'));
}

function part(field: number, bytes: string): string {
  return tag(field, lengthDelimited) + varintOf(bytes.length) + bytes;
}

function number(field: number, value: number): string {
  return tag(field, varint) + varintOf(value);
}

/** No field here has a number above 15, so that a tag is one byte. */
function tag(field: number, wireType: number): string {
  return String.fromCharCode((field << 3) | wireType);
}

function varintOf(value: number): string {
  let bytes = '';
  let left = value;
  for (; left > 0x7f; left >>>= 7) bytes += String.fromCharCode((left & 0x7f) | 0x80);
  return bytes + String.fromCharCode(left);
}
