import type { CelAnswer } from './frame.ts';
import { noOverload } from './kind.ts';
import type { CelFault, CelValue } from './value.ts';

/** Four groups of 32 bits, or one for IPv4. */
type Address = readonly number[];

interface CelNetwork {
  readonly address: Address;
  readonly prefixLength: number;
}

/** No address or network is longer in text. */
const textLengthMax = 64;

/** Undefined when this is no address. An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is the IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > textLengthMax) return undefined;
  const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return address !== undefined && isMapped(address) ? address.slice(3) : address;
}

function isMapped(address: Address): boolean {
  return address.length === 4 && address[0] === 0 && address[1] === 0 && address[2] === 0xffff;
}

/** Undefined when this is no network, or when its address has bits behind the prefix: then one of the two is a mistake. */
export function parseNetwork(text: string): CelNetwork | undefined {
  const [addressText = '', lengthText = '', more] = text.split('/', 3);
  const given = parsePlain(addressText);
  if (given === undefined || more !== undefined || !/^(?:0|[1-9]\d{0,2})$/.test(lengthText))
    return undefined;
  const length = Number(lengthText);
  if (length > given.length * 32) return undefined;
  if (given.some((group, index) => (group & ~mask(length - index * 32)) !== 0)) return undefined;
  if (isMapped(given) && length >= 96)
    return { address: given.slice(3), prefixLength: length - 96 };
  return { address: given, prefixLength: length };
}

function parsePlain(text: string): Address | undefined {
  if (text.length > textLengthMax) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function isInNetwork(address: Address, network: CelNetwork): boolean {
  if (address.length !== network.address.length) return false;
  return address.every((group, index) => {
    const difference = group ^ (network.address[index] ?? 0);
    return (difference & mask(network.prefixLength - index * 32)) === 0;
  });
}

/** The first `length` of 32 bits. */
function mask(length: number): number {
  if (length <= 0) return 0;
  return length >= 32 ? -1 : -1 << (32 - length);
}

/** Four decimal numbers; a leading zero would be octal to some. */
function parseIpv4(text: string): Address | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const octet of match.slice(1)) {
    if (Number(octet) > 255 || (octet.length > 1 && octet.startsWith('0'))) return undefined;
    value = value * 256 + Number(octet);
  }
  return [value | 0];
}

/** RFC 4291, section 2.2. A zone (`%eth0`) has a meaning on one host only and is refused. */
function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return [0, 2, 4, 6].map((at) => ((groups[at] ?? 0) << 16) | (groups[at + 1] ?? 0));
}

/** Groups of 16 bits; only at the end two of them may be written as an IPv4 address. */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const ipv4 = isEnd && index === parts.length - 1 ? parseIpv4(part)?.[0] : undefined;
    if (ipv4 === undefined) return undefined;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

const noAddress: CelFault = { kind: 'fault', message: 'this is no IP address' };

export const noNetwork: CelFault = {
  kind: 'fault',
  message: 'this is no network like 10.0.0.0/8 or 2001:db8::/32',
};

export function inCidr(address: CelValue, network: CelValue): CelAnswer {
  if (typeof address !== 'string' || typeof network !== 'string')
    return noOverload('inCidr', address, network);
  const parsed = parseNetwork(network);
  return parsed === undefined ? noNetwork : addressIn(address, parsed);
}

export function addressIn(text: string, network: CelNetwork): CelAnswer {
  const address = parseAddress(text);
  return address === undefined ? noAddress : isInNetwork(address, network);
}
