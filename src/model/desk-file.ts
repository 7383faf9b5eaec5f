import { isMap } from 'yaml';
import { parseAddress } from '../cel/cidr.ts';
import { deskFields } from './desk-fields.ts';
import { readHostName } from './scalars.ts';
import type { DeskMember } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

/** Each proxy keeps a connection to each, so that more of them serve no more proxies. */
const membersMax = 32;

/** `desk.pool` of mesh.yaml: the hosts whose desks answer proxies, and where. Sorted by host; undefined when not said. */
export function readDeskPool(file: YamlFile, node: YamlNode): readonly DeskMember[] | undefined {
  const fields = node === undefined ? undefined : file.fields(node, deskFields, '`desk`');
  const pool = fields?.get('pool');
  if (pool === undefined) return undefined;
  if (isMap(pool) && pool.items.length === 0) return undefined;
  if (!isMap(pool)) {
    file.wrongType(pool, 'hosts of the pool and where each is reached');
    return [];
  }
  const members: DeskMember[] = [];
  for (const { keyNode, value } of file.entries(pool)) {
    const host = readHostName(file, keyNode);
    const address = readAddress(file, value);
    if (host === undefined || address === undefined) continue;
    reportTwin(file, members, { host, ...address }, value);
    members.push({ at: file.at(keyNode), host, ...address });
  }
  if (members.length > membersMax) {
    file.report('CH1134', pool, `the pool has ${members.length} desks`, {
      expected: `at most ${membersMax}`,
    });
  }
  return members.sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** Whoever sends proxies to a pool says where it is. */
export function reportNoPool(file: YamlFile, node: YamlNode): void {
  file.report('CH1131', node, 'proxies are to ask a pool, and there is none', {
    help: 'add `desk: { pool: { HOST: ADDRESS:PORT } }` beside `defaults`, or take `desk: pool` out of them',
  });
}

function readAddress(
  file: YamlFile,
  node: YamlNode,
): Pick<DeskMember, 'address' | 'port'> | undefined {
  const text = file.text(node, 'ADDRESS:PORT');
  if (text === undefined) return undefined;
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  const port = Number(digits);
  if (address !== undefined && isAddress(address, bracketed !== undefined) && isPort(port)) {
    return { address, port };
  }
  file.report('CH1132', node, `"${text.slice(0, 100)}" is not where a desk can be reached`, {
    expected: 'ADDRESS:PORT, with a DNS name, an IPv4 address or an [IPv6 address]',
    help: 'for example 10.0.0.5:15012 or authz-1.example.com:15012',
  });
  return undefined;
}

const dnsName =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** What looks like an IPv4 address and is none is no name either. */
const digitsLast = /(?:^|\.)\d+$/;

function isAddress(text: string, isBracketed: boolean): boolean {
  const isIp = parseAddress(text) !== undefined;
  if (isBracketed) return isIp && text.includes(':');
  return isIp || (dnsName.test(text) && !digitsLast.test(text));
}

function isPort(port: number): boolean {
  return port > 0 && port <= 65_535;
}

function reportTwin(
  file: YamlFile,
  members: readonly DeskMember[],
  { address, port }: Pick<DeskMember, 'address' | 'port' | 'host'>,
  node: YamlNode,
): void {
  const twin = members.find((one) => one.address === address && one.port === port);
  if (twin === undefined) return;
  file.report('CH1133', node, 'two desks of the pool have the same address', {
    related: [{ at: twin.at, message: 'the other one' }],
    help: 'each desk is a process of its own; where two are behind one address, a proxy cannot tell which is away',
  });
}
