import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { Intent, Service } from '../model/types.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { rbacPlan } from '../policy/rbac-plan.ts';
import { discovered } from './discovered.ts';
import { joined } from './encoded.ts';
import type { HttpFilter } from './http.ts';
import { rbacName } from './names.ts';
import { embeddedAny, encode, encodedResource } from './pack.ts';
import { askAlways, rbacConfig } from './rbac.ts';
import { type Resource, typeUrls } from './resource.ts';

const rbacType = `type.googleapis.com/${RBACSchema.typeName}`;

/**
 * What the proxy decides by itself. The policy is a resource of its own (ECDS): a changed rule drains no listener and
 * holds from the next request on open connections.
 */
export const policyFilter: HttpFilter = {
  name: rbacName,
  configType: discovered(askAlways()),
};

export function httpPolicy(
  { mesh }: Pick<Intent, 'mesh'>,
  document: PolicyDocument,
  service: Service,
): Resource {
  const decides = service.decide ?? mesh.defaults.decide;
  const plan = rbacPlan(document, service.name, { decides, routes: service.routes });
  const rbac = plan === undefined ? [askAlways().value] : rbacConfig(plan);
  return encodedResource({
    typeUrl: typeUrls.extension,
    name: rbacName,
    bytes: joined([policyName, embeddedAny(policyField, rbacType, rbac)]),
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

const policyName = encode(TypedExtensionConfigSchema, { name: rbacName });
const policyField = TypedExtensionConfigSchema.field.typedConfig.number;
