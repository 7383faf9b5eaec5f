import { create } from '@bufbuild/protobuf';
import { RuntimeSchema } from '../gen/envoy/service/runtime/v3/rtds_pb.js';
import type { Intent, Rule, Service } from '../model/types.ts';
import { tcpCallersLayer } from './names.ts';
import { resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { tcpVerdicts } from './tcp-verdicts.ts';

/** There in a proxy that is told who may stay connected; one of a bootstrap of before is not. */
export const liveKey = 'chancery.tcp';

/** Of a caller, or of all of a trust domain as rules write it. */
export function callerKey(caller: string): string {
  return `${liveKey} ${caller}`;
}

/** In percent. */
const always = 100;

/** Who may be connected now: connections that are open are held against it (see `tcpPolicy`). */
export function tcpCallers(intent: Intent, service: Service): Resource {
  const { exact, domains } = tcpVerdicts(intent, service).enforced;
  const keys = [
    liveKey,
    ...[...exact].filter(isAllowed).map(([id]) => callerKey(id)),
    ...[...domains].filter(isAllowed).map(([domain]) => callerKey(`spiffe://${domain}/**`)),
  ];
  return resource({
    typeUrl: typeUrls.runtime,
    name: tcpCallersLayer,
    schema: RuntimeSchema,
    message: create(RuntimeSchema, {
      name: tcpCallersLayer,
      layer: Object.fromEntries(keys.map((key) => [key, always])),
    }),
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

function isAllowed([, { effect }]: readonly [string, Rule]): boolean {
  return effect === 'allow';
}
