import { isMap } from 'yaml';
import type { Position } from '../base/finding.ts';
import { admissionUnlessSaid } from './admission.ts';
import { readDeclarations } from './attributes-file.ts';
import { readBreakglass } from './breakglass-file.ts';
import { readCa } from './ca-section.ts';
import { misreadNames } from './contained.ts';
import { readDeskPool, reportNoPool } from './desk-file.ts';
import { defaultsFields, meshFields } from './fields.ts';
import { readAdmission } from './hosts-file.ts';
import { readIssuers } from './issuers-file.ts';
import { type OperatorDraft, readOperators } from './operators-file.ts';
import { readPeers } from './peers-file.ts';
import { misreadRole } from './roles.ts';
import {
  deciders,
  deskPlaces,
  readDurationMs,
  readLabel,
  readTrustDomain,
  readWord,
} from './scalars.ts';
import type {
  Admission,
  CaLifetimes,
  Defaults,
  Mesh,
  RoleName,
  TrustDomain,
  TrustPeer,
} from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

export interface MeshDraft {
  readonly at: Position;
  readonly name: string;
  readonly trustDomain: TrustDomain;
  readonly roles: ReadonlyMap<RoleName, RoleDraft>;
  readonly defaults: Defaults;
  readonly deskPool: Mesh['deskPool'];
  readonly hosts: Admission;
  readonly peers: ReadonlyMap<TrustDomain, TrustPeer>;
  readonly ca: CaLifetimes;
  readonly operators: readonly OperatorDraft[];
  readonly attributes: Mesh['attributes'];
  readonly issuers: Mesh['issuers'];
  readonly breakglass: Mesh['breakglass'];
  /** What is not understood: who is not to be believed for that, and whether conditions may read it. */
  readonly misread: {
    readonly peers: ReadonlySet<TrustDomain>;
    readonly issuers: ReadonlySet<string>;
    readonly names: boolean;
  };
}

interface RoleDraft {
  readonly at: Position;
  readonly members: readonly { readonly text: string; readonly at: Position }[];
  readonly isMisread: boolean;
}

export const defaultsUnlessSaid: Defaults = {
  timeoutMs: 15_000,
  connectTimeoutMs: 1_000,
  svidTtlSeconds: 3_600,
  decide: 'proxy',
  desk: 'agent',
};
/** For new machines; what a host has is on its record. */
const noAdmission: Admission = {
  ...admissionUnlessSaid,
  joinToken: { ttlSecondsMax: 1 },
  rejoinSecondsMax: 1,
};
/** Below this a certificate ends before slow clocks and a missed renewal are made good. */
const svidTtlSecondsMin = 10;

export function readMeshFile(file: YamlFile): MeshDraft | undefined {
  const fields = file.fields(file.root, meshFields, 'a mesh');
  if (fields === undefined) return undefined;
  const nameNode = fields.get('mesh');
  const name =
    nameNode === undefined ? undefined : readLabel(file, nameNode, 'the name of the mesh');
  const trustDomain = readTrustDomain(file, fields.get('trust_domain'));
  const roles = readRoles(file, fields.get('roles'));
  const pool = file.part(misreadPool, () => readDeskPool(file, fields.get('desk')));
  const defaults = readDefaults(file, fields.get('defaults'), pool);
  const hosts = file.part(
    'no machine is let in that is not in the mesh',
    () => readAdmission(file, fields.get('hosts')),
    () => noAdmission,
  );
  const ca = file.part('as if it were not said', () =>
    readCa(file, fields.get('ca'), defaults.svidTtlSeconds),
  );
  const misread = { peers: new Set<TrustDomain>(), issuers: new Set<string>() };
  const peers = file.part('no peer is more than is understood of it', () =>
    readPeers(file, fields.get('peers'), trustDomain, misread.peers),
  );
  const operators = file.part('nobody is an operator by it', () =>
    readOperators(file, fields.get('operators')),
  );
  const beforeNames = file.findings.length;
  const attributes = readDeclarations(file, fields.get('attributes'));
  const issuers = readIssuers(file, fields.get('issuers'), misread.issuers);
  const isNamesMisread = file.contain(beforeNames, misreadNames) || misread.issuers.size > 0;
  const breakglass = file.part(
    'nobody can grant access beside Git',
    () => readBreakglass(file, fields.get('breakglass')),
    (rules) => ({ ...rules, who: [] }),
  );
  if (name === undefined || trustDomain === undefined) return undefined;
  const said = {
    ...{ roles, defaults, deskPool: pool ?? [], hosts, ca, peers, operators, attributes, issuers },
    ...{ breakglass, misread: { ...misread, names: isNamesMisread } },
  };
  return { at: file.at(nameNode), name, trustDomain, ...said };
}

function readRoles(file: YamlFile, node: YamlNode): ReadonlyMap<RoleName, RoleDraft> {
  const roles = new Map<RoleName, RoleDraft>();
  if (node === undefined) return roles;
  if (!isMap(node)) {
    file.part(misreadRole, () => file.wrongType(node, 'roles and their members'));
    return roles;
  }
  for (const { keyNode, value } of file.entries(node)) {
    const before = file.findings.length;
    const name = readLabel(file, keyNode, 'the name of a role') as RoleName | undefined;
    const items = file.list(value, 'a role lists its members', false) ?? [];
    const members = items.flatMap((item) => {
      const text = file.text(item, 'a service, role:NAME, spiffe://PARTNER/NAME or person:NAME');
      return text === undefined ? [] : [{ text, at: file.at(item) }];
    });
    const isMisread = file.contain(before, misreadRole);
    if (name !== undefined) roles.set(name, { at: file.at(keyNode), members, isMisread });
  }
  return roles;
}

const misreadPool = 'proxies ask the desk of their own host';

function readDefaults(
  file: YamlFile,
  node: YamlNode,
  pool: Mesh['deskPool'] | undefined,
): Defaults {
  const read = (): Defaults => readSaidDefaults(file, node, pool);
  return file.part('what is not understood is as if it were not said', read, (said) =>
    pool === undefined || pool.length === 0 ? { ...said, desk: defaultsUnlessSaid.desk } : said,
  );
}

function readSaidDefaults(
  file: YamlFile,
  node: YamlNode,
  pool: Mesh['deskPool'] | undefined,
): Defaults {
  const fields = node === undefined ? undefined : file.fields(node, defaultsFields, '`defaults`');
  if (fields === undefined) return defaultsUnlessSaid;
  const ttlNode = fields.get('svid_ttl');
  const ttlMs = readDurationMs(file, ttlNode);
  const svidTtlSeconds =
    ttlMs === undefined ? defaultsUnlessSaid.svidTtlSeconds : Math.floor(ttlMs / 1_000);
  if (svidTtlSeconds < svidTtlSecondsMin) {
    file.report('CH1018', ttlNode, 'the lifetime of certificates is too short', {
      expected: `at least ${svidTtlSecondsMin}s`,
    });
  }
  const desk = readWord(file, fields.get('desk'), deskPlaces) ?? defaultsUnlessSaid.desk;
  if (desk === 'pool' && pool === undefined) reportNoPool(file, fields.get('desk'));
  return {
    timeoutMs: readDurationMs(file, fields.get('timeout')) ?? defaultsUnlessSaid.timeoutMs,
    connectTimeoutMs:
      readDurationMs(file, fields.get('connect_timeout')) ?? defaultsUnlessSaid.connectTimeoutMs,
    svidTtlSeconds,
    decide: readWord(file, fields.get('decide'), deciders) ?? defaultsUnlessSaid.decide,
    desk,
  };
}
