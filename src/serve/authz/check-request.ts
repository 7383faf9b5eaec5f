import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import type { RawRequest } from '../../policy/canonical.ts';

/** What the desk needs of an `envoy.service.auth.v3.CheckRequest`. */
export interface CheckFacts {
  /** The URI SAN of the verified peer certificate; empty when there was none. */
  readonly principal: string;
  /** Undefined for a TCP connection. */
  readonly http: HttpFacts | undefined;
  /** The `context_extensions` that the control plane put on the route. */
  readonly extensions: ReadonlyMap<string, string>;
}

export type HttpFacts = Omit<RawRequest, 'principal' | 'headers'> & {
  /** In order; Envoy sends a list (`encode_raw_headers`), or a map with repeated headers joined by commas. */
  readonly headers: readonly (readonly [name: string, value: string])[];
};

interface Growing {
  principal: string;
  http: GrowingHttp | undefined;
  readonly extensions: Map<string, string>;
}

interface GrowingHttp {
  method: string;
  path: string;
  host: string;
  headers: [string, string][];
}

/**
 * Reads by hand, since this runs for every asked request and skips most of the message; a differential test holds
 * it to the generated decoder. Throws on bytes that are no message.
 */
export function readCheckRequest(bytes: Uint8Array): CheckFacts {
  const facts: Growing = { principal: '', http: undefined, extensions: new Map() };
  eachField(bytes, {
    1: (reader) => readAttributes(reader.bytes(), facts),
  });
  return facts;
}

export function headerOf(http: HttpFacts | undefined, wanted: string): string | undefined {
  return http?.headers.find(([name]) => name === wanted)?.[1];
}

type Readers = { readonly [field: number]: (reader: BinaryReader) => void };

/** All fields that are read here are length-delimited; another wire type at one of them is no such message. */
const lengthDelimited: WireType.LengthDelimited = 2;

function eachField(bytes: Uint8Array, readers: Readers): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = readers[field];
    if (read === undefined) reader.skip(wireType, field);
    else if (wireType === lengthDelimited) read(reader);
    else throw new Error(`field ${field} has the wire type ${wireType}`);
  }
}

function readAttributes(bytes: Uint8Array, facts: Growing): void {
  eachField(bytes, {
    1: (source) =>
      eachField(source.bytes(), {
        4: (peer) => {
          facts.principal = peer.string(true);
        },
      }),
    4: (request) =>
      eachField(request.bytes(), {
        2: (http) => {
          facts.http ??= { method: '', path: '', host: '', headers: [] };
          readHttp(http.bytes(), facts.http);
        },
      }),
    10: (extension) => {
      const [name, value] = readEntry(extension.bytes());
      facts.extensions.set(name, value);
    },
  });
}

function readHttp(bytes: Uint8Array, http: GrowingHttp): void {
  eachField(bytes, {
    2: (reader) => {
      http.method = reader.string(true);
    },
    3: (reader) => {
      http.headers.push(readEntry(reader.bytes()));
    },
    4: (reader) => {
      http.path = reader.string(true);
    },
    5: (reader) => {
      http.host = reader.string(true);
    },
    13: (map) =>
      eachField(map.bytes(), {
        1: (reader) => {
          http.headers.push(readEntry(reader.bytes()));
        },
      }),
  });
}

/** A map entry (key 1, value 2) or a HeaderValue, whose third field holds the value as raw bytes. */
function readEntry(bytes: Uint8Array): [string, string] {
  const entry: [string, string] = ['', ''];
  eachField(bytes, {
    1: (reader) => {
      entry[0] = reader.string(true);
    },
    2: (reader) => {
      entry[1] = reader.string(true);
    },
    3: (reader) => {
      entry[1] = Buffer.from(reader.bytes()).toString('latin1');
    },
  });
  return entry;
}
