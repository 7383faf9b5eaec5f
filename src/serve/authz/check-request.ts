import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import type { RawRequest } from '../../policy/canonical.ts';

/** What the desk needs of an `envoy.service.auth.v3.CheckRequest`. */
export interface CheckFacts {
  /** The URI SAN of the verified peer certificate; empty when there was none. */
  readonly principal: string;
  /** Of the peer's socket; empty when it is none of IP. */
  readonly address: string;
  /** Undefined for a TCP connection. */
  readonly http: HttpFacts | undefined;
  /** The `context_extensions` that the control plane put on the route. */
  readonly extensions: ReadonlyMap<string, string>;
}

export type HttpFacts = Omit<RawRequest, 'principal' | 'headers'> & {
  /** In order; Envoy sends a list (`encode_raw_headers`), or a map with repeated headers joined by commas. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly scheme: string;
};

interface Growing {
  principal: string;
  address: string;
  http: GrowingHttp | undefined;
  readonly extensions: Map<string, string>;
}

interface GrowingHttp {
  method: string;
  path: string;
  host: string;
  scheme: string;
  headers: [string, string][];
}

/**
 * Reads by hand, since this runs for every asked request and skips most of the message; a differential test holds
 * it to the generated decoder. Throws on bytes that are no message.
 */
export function readCheckRequest(bytes: Uint8Array): CheckFacts {
  const facts: Growing = { principal: '', address: '', http: undefined, extensions: new Map() };
  const reader = new BinaryReader(bytes, utf8Text);
  eachField(reader, reader.len, (field) => {
    if (field !== 1) return false;
    readAttributes(reader, facts);
    return true;
  });
  return facts;
}

export function headerOf(http: HttpFacts | undefined, wanted: string): string | undefined {
  return http?.headers.find(([name]) => name === wanted)?.[1];
}

/** All fields that are read here are length-delimited; another wire type at one of them is no such message. */
const lengthDelimited: WireType.LengthDelimited = 2;

/** `read` takes the value of a field from the reader, or returns false to have it skipped. */
type ReadField = (field: number) => boolean;

/** One reader goes through the whole message: making one for each part costs more than reading it. */
function eachField(reader: BinaryReader, end: number, read: ReadField): void {
  if (end > reader.len) throw new Error('a part is longer than the message');
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (wireType !== lengthDelimited || !read(field)) reader.skip(wireType, field);
  }
  if (reader.pos !== end) throw new Error('a field is longer than its message');
}

function eachFieldOfPart(reader: BinaryReader, read: ReadField): void {
  const length = reader.uint32();
  eachField(reader, reader.pos + length, read);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Nearly every text here is short and ASCII, where a decoder call costs more than all the rest of reading. */
function utf8Text(bytes: Uint8Array): string {
  for (const byte of bytes) {
    if (byte > 0x7f) return strictUtf8.decode(bytes);
  }
  return latin1Text(bytes);
}

function readAttributes(reader: BinaryReader, facts: Growing): void {
  eachFieldOfPart(reader, (field) => {
    switch (field) {
      case 1:
        readSource(reader, facts);
        return true;
      case 4:
        readRequest(reader, facts);
        return true;
      case 10: {
        const [name, value] = readEntry(reader);
        facts.extensions.set(name, value);
        return true;
      }
      default:
        return false;
    }
  });
}

function readSource(reader: BinaryReader, facts: Growing): void {
  eachFieldOfPart(reader, (field) => {
    switch (field) {
      case 1:
        readAddress(reader, facts);
        return true;
      case 4:
        facts.principal = reader.string();
        return true;
      default:
        return false;
    }
  });
}

/** Address.socket_address.address; pipes and Envoy's own listeners have none. */
function readAddress(reader: BinaryReader, facts: Growing): void {
  eachFieldOfPart(reader, (field) => {
    if (field !== 1) {
      // The kinds of address exclude each other, and the last one counts.
      facts.address = '';
      return false;
    }
    eachFieldOfPart(reader, (inner) => {
      if (inner !== 2) return false;
      facts.address = reader.string();
      return true;
    });
    return true;
  });
}

function readRequest(reader: BinaryReader, facts: Growing): void {
  eachFieldOfPart(reader, (field) => {
    if (field !== 2) return false;
    facts.http ??= { method: '', path: '', host: '', scheme: '', headers: [] };
    readHttp(reader, facts.http);
    return true;
  });
}

function readHttp(reader: BinaryReader, http: GrowingHttp): void {
  eachFieldOfPart(reader, (field) => {
    switch (field) {
      case 2:
        http.method = reader.string();
        return true;
      case 3:
        http.headers.push(readEntry(reader));
        return true;
      case 4:
        http.path = reader.string();
        return true;
      case 5:
        http.host = reader.string();
        return true;
      case 6:
        http.scheme = reader.string();
        return true;
      case 13:
        readHeaderMap(reader, http);
        return true;
      default:
        return false;
    }
  });
}

function readHeaderMap(reader: BinaryReader, http: GrowingHttp): void {
  eachFieldOfPart(reader, (field) => {
    if (field !== 1) return false;
    http.headers.push(readEntry(reader));
    return true;
  });
}

/** A map entry (key 1, value 2) or a HeaderValue, whose third field holds the value as raw bytes. */
function readEntry(reader: BinaryReader): [string, string] {
  const entry: [string, string] = ['', ''];
  eachFieldOfPart(reader, (field) => {
    switch (field) {
      case 1:
        entry[0] = reader.string();
        return true;
      case 2:
        entry[1] = reader.string();
        return true;
      case 3:
        entry[1] = latin1Text(reader.bytes());
        return true;
      default:
        return false;
    }
  });
  return entry;
}

function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
