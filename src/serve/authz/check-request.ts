import type { RawRequest } from '../../policy/canonical.ts';
import { type Cursor, endOfPart, readVarint, skip } from '../grpc/message.ts';

/** What the desk needs of an `envoy.service.auth.v3.CheckRequest`. */
export interface CheckFacts {
  /** The URI SAN of the verified peer certificate; empty when there was none. */
  readonly principal: string;
  /** Of the peer's socket; empty when it is none of IP. */
  readonly address: string;
  /** Undefined for a TCP connection. */
  readonly http: HttpFacts | undefined;
  /** What the proxy that asks calls itself (a label of its node); empty when it does not say. */
  readonly proxy: string;
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
  proxy: string;
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
  const facts: Growing = {
    ...{ principal: '', address: '', http: undefined, proxy: '' },
    extensions: new Map(),
  };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const message = { bytes: view, text: view.toString('latin1'), at: 0, end: view.length };
  while (message.at < message.end) {
    const field = nextPart(message);
    if (field === 1) readAttributes(message, facts);
    else if (field !== skipped) pass(message);
  }
  leave(message, view.length);
  return facts;
}

export function headerOf(http: HttpFacts | undefined, wanted: string): string | undefined {
  return http?.headers.find(([name]) => name === wanted)?.[1];
}

/**
 * One for the whole message: making one for each part costs more than reading it. All of it as text, too, of which a slice
 * costs a tenth of a text made of bytes.
 */
interface Reading extends Cursor {
  readonly text: string;
}

/** All fields that are read here are length-delimited; another wire type at one of them is no such message. */
const lengthDelimited = 2;
const skipped = 0;

/** The number of the field whose value comes next, or `skipped` when it was none that is read here. */
function nextPart(reading: Reading): number {
  const tag = readVarint(reading);
  if ((tag & 7) === lengthDelimited && tag >>> 3 !== skipped) return tag >>> 3;
  skip(reading, tag);
  return skipped;
}

/** Inside the part whose length comes next; gives where the one around it ends, for `leave`. */
function enter(reading: Reading): number {
  const { end } = reading;
  reading.end = endOfPart(reading);
  return end;
}

function leave(reading: Reading, end: number): void {
  if (reading.at !== reading.end) throw new Error('a field is longer than its message');
  reading.end = end;
}

function pass(reading: Reading): void {
  reading.at = endOfPart(reading);
}

function readAttributes(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 1) readSource(reading, facts);
    else if (field === 2) readDestination(reading, facts);
    else if (field === 4) readRequest(reading, facts);
    else if (field === 10) {
      const [name, value] = readEntry(reading);
      facts.extensions.set(name, value);
    } else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

function readSource(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 1) readAddress(reading, facts);
    else if (field === 4) facts.principal = readText(reading);
    else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

/** The proxy itself: of it only the labels. */
function readDestination(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 3) {
      const [name, value] = readEntry(reading);
      if (name === 'proxy') facts.proxy = value;
    } else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

/** Address.socket_address.address; pipes and Envoy's own listeners have none. */
function readAddress(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 1) {
      readSocketAddress(reading, facts);
      continue;
    }
    // The kinds of address exclude each other, and the last one counts.
    facts.address = '';
    if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

function readSocketAddress(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 2) facts.address = readText(reading);
    else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

function readRequest(reading: Reading, facts: Growing): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 2) {
      facts.http ??= { method: '', path: '', host: '', scheme: '', headers: [] };
      readHttp(reading, facts.http);
    } else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

function readHttp(reading: Reading, http: GrowingHttp): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 2) http.method = readText(reading);
    else if (field === 3) http.headers.push(readEntry(reading));
    else if (field === 4) http.path = readText(reading);
    else if (field === 5) http.host = readText(reading);
    else if (field === 6) http.scheme = readText(reading);
    else if (field === 13) readHeaderMap(reading, http);
    else if (field !== skipped) pass(reading);
  }
  // Envoy writes a "!" in the path for each byte that is not UTF-8; among the headers it is as it was sent.
  http.path = http.headers.find(([name]) => name === ':path')?.[1] ?? http.path;
  leave(reading, end);
}

function readHeaderMap(reading: Reading, http: GrowingHttp): void {
  const end = enter(reading);
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 1) http.headers.push(readEntry(reading));
    else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
}

/** A map entry (key 1, value 2) or a HeaderValue, whose third field holds the value as raw bytes. */
function readEntry(reading: Reading): [string, string] {
  const end = enter(reading);
  let [name, value] = ['', ''];
  while (reading.at < reading.end) {
    const field = nextPart(reading);
    if (field === 1) name = readText(reading);
    else if (field === 2) value = readText(reading);
    else if (field === 3) value = readBytes(reading);
    else if (field !== skipped) pass(reading);
  }
  leave(reading, end);
  return [name, value];
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const beyondAscii = /[^\0-\x7f]/;

/** Nearly every text here is ASCII, which is the same in both encodings. */
function readText(reading: Reading): string {
  const text = readBytes(reading);
  if (!beyondAscii.test(text)) return text;
  return strictUtf8.decode(reading.bytes.subarray(reading.at - text.length, reading.at));
}

/** Each byte as a character. */
function readBytes(reading: Reading): string {
  const end = endOfPart(reading);
  const text = reading.text.slice(reading.at, end);
  reading.at = end;
  return text;
}
