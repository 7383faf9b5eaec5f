import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { Authority } from '../../identity/authority.ts';
import type { HostRecord } from '../../identity/hosts/host-record.ts';
import { createJoinToken } from '../../identity/hosts/join-token.ts';
import { rootSha256 } from '../../identity/trust.ts';
import { parseHostName } from '../../model/scalars.ts';
import type { Admission, HostName } from '../../model/types.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import {
  type HostReply,
  type HostStepRequest,
  type JoinTokenReply,
  type JoinTokenRequest,
  paths,
} from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Fleet } from '../replicas/fleet.ts';
import { noSuchHost } from './no-such-host.ts';
import type { HostRegistry } from './registry.ts';
import type { HostReports } from './reports.ts';

export interface HostAdminParts {
  readonly registry: HostRegistry;
  readonly reports: HostReports;
  readonly plane: ControlPlane;
  readonly fleet: Fleet;
  readonly authority: Authority;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: () => Admission;
  /** Where hosts reach this control plane. */
  readonly address: { readonly host: string; readonly port: number };
}

/** What operators ask about hosts; undefined when the request is about something else. */
export async function hostAdmin(
  parts: HostAdminParts,
  request: ApiRequest,
): Promise<ApiReply | undefined> {
  const { method, path, body } = request;
  if (method === 'POST' && path === paths.joinTokens) return joinToken(parts, body);
  if (path !== paths.hosts && !path.startsWith(`${paths.hosts}/`)) return undefined;
  const [name, step, ...more] = path.slice(paths.hosts.length + 1).split('/');
  if (more.length > 0) return undefined;
  if (method === 'GET' && step === undefined) return hosts(parts, name ?? '');
  if (method === 'POST' && (step === 'ban' || step === 'evict')) {
    return hostStep(parts, step, name as HostName, body as HostStepRequest);
  }
  return undefined;
}

function hosts(parts: HostAdminParts, name: string): ApiReply {
  const found = hostReplies(parts).filter((host) => name === '' || host.name === name);
  if (name !== '' && found.length === 0) return noSuchHost(name, namesOf(parts));
  return { kind: 'json', body: { hosts: found } };
}

function namesOf({ registry }: HostAdminParts): readonly string[] {
  return registry.all.map(({ name }) => name);
}

export type HostReplyParts = Pick<HostAdminParts, 'registry' | 'reports' | 'plane' | 'fleet'>;

/** Every host as it is now, or those of these names. */
export function hostReplies(
  parts: HostReplyParts,
  names?: ReadonlySet<string>,
): readonly HostReply[] {
  const byHost = Map.groupBy(parts.plane.inventory, ({ host }) => host);
  return parts.registry.all
    .filter(({ name }) => names?.has(name) ?? true)
    .map((record) => hostReply(record, parts, byHost.get(record.name) ?? []));
}

function hostReply(
  record: HostRecord,
  { reports, fleet }: HostReplyParts,
  workloads: readonly Workload[],
): HostReply {
  const { name, method, anchor, selectors, attestedMs, notBeforeMs, notAfterMs, standing } = record;
  const last = reports.last(name);
  return {
    ...{ name, method, anchor, selectors, attestedMs, notBeforeMs, notAfterMs, standing },
    connections: fleet.watchers(name),
    seenMs: last?.seenMs,
    trustSequence: last?.report.trustSequence,
    workloads: workloads.map(({ id }) => id),
    health: last?.report.health,
  };
}

async function hostStep(
  parts: HostAdminParts,
  step: 'ban' | 'evict',
  host: HostName,
  { by, reason }: HostStepRequest,
): Promise<ApiReply> {
  const { registry } = parts;
  const result = await registry[step](host, by, reason);
  if (!result.ok) return noSuchHost(host, namesOf(parts));
  const workloads = parts.plane.inventory.filter((one) => one.host === host);
  return { kind: 'json', body: { hosts: [hostReply(result.value, parts, workloads)] } };
}

/** A token for a host that has a record is made only where its place is to be taken. */
async function joinToken(parts: HostAdminParts, body: unknown): Promise<ApiReply> {
  const { registry, authority, store, clock, random, admission, address } = parts;
  const { host, ttlSeconds, replaces, by } = body as JoinTokenRequest;
  const name = parseHostName(host);
  if (!name.ok) return refused(400, { code: 'CH3111', message: name.error });
  const { ttlSecondsMax } = admission().joinToken;
  if (!(ttlSeconds > 0 && ttlSeconds <= ttlSecondsMax)) {
    return refused(400, {
      code: 'CH3112',
      message: 'a join token cannot live that long',
      expected: `at most ${ttlSecondsMax} s, as \`hosts: { join_token: { max_ttl: … } }\` says`,
      found: `${ttlSeconds} s`,
    });
  }
  if ((await registry.find(name.value)) !== undefined && !replaces) {
    return refused(409, {
      code: 'CH3113',
      message: `there is a host ${host} already`,
      help: `chancery host token ${host} --replace, if another machine takes its place; it is cut off when the new one joins`,
    });
  }
  const madeMs = clock.nowMs();
  const endsMs = madeMs + ttlSeconds * 1_000;
  const given = { host: name.value, madeMs, endsMs, by, replaces };
  const token = await createJoinToken({ store, random }, given);
  store.record({ atMs: madeMs, kind: 'join-token', subject: host, facts: { by, endsMs } });
  await store.flush();
  const { trustDomain, x509Roots } = authority.news.bundle;
  const reply: JoinTokenReply = {
    ...{ token, endsMs, trustDomain },
    rootSha256: x509Roots.map(rootSha256),
    address: address.host,
    port: address.port,
  };
  return { kind: 'json', body: reply };
}
