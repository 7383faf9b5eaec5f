import { create } from '@bufbuild/protobuf';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { FilterStateValueSchema } from '../gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js';
import { ConfigSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import type { Intent, Rule, Service } from '../model/types.ts';
import { discovered } from './discovered.ts';
import { any, type Init, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { tcpVerdicts, trustDomainRegex, type Verdicts } from './tcp-verdicts.ts';

type State = Init<typeof FilterStateValueSchema>;

const gateName = 'tcp-gate';
/** Where the access log finds what was decided. */
export const tcpStateKeys = {
  /** All URI SANs of the caller's certificate, joined by commas. */
  caller: 'chancery.caller',
  rule: 'chancery.rule',
  audit: 'chancery.audit',
  code: 'chancery.code',
  reason: 'chancery.reason',
} as const;
/**
 * By which Envoy's original-destination cluster finds its host. Without it there is none, and no other way to the
 * application: what nobody decided, or what cannot be evaluated, goes nowhere.
 */
const destinationKey = 'envoy.network.transport_socket.original_dst_address';
/** The cluster of the application knows the port. */
const application = '127.0.0.1:1';

/** The first URI SAN. */
const caller = 'connection.uri_san_peer_certificate';
/** Envoy's parser of CEL takes no more than 100,000 characters; the rest of the expression finds room beside it. */
const listTextMax = 60_000;

/** What no rule can be called, as it has no slash. */
const nobody = 'none';
const severalNames = 'several-names';
const notYet = 'no-policy-yet';

const denials = {
  none: { code: 'CH2101', reason: 'no allow rule names the caller' },
  rule: { code: 'CH2102', reason: 'a deny rule forbids it' },
  several: { code: 'CH2120', reason: 'the certificate has more than one name' },
  notYet: { code: 'CH2101', reason: 'the policy has not come yet' },
} as const;

/** Until the policy has come, and if it never does, nobody connects. */
export const tcpGateFilter: Init<typeof FilterSchema> = {
  name: gateName,
  configType: discovered(
    any(ConfigSchema, {
      onDownstreamTlsHandshake: [
        state(tcpStateKeys.rule, notYet),
        state(tcpStateKeys.code, denials.notYet.code),
        state(tcpStateKeys.reason, denials.notYet.reason),
      ],
    }),
  ),
};

/**
 * Who may connect, decided when the handshake has ended and before anything goes to the application: RBAC looks only when
 * the first bytes come (envoy#9023), and by then a server that speaks first has spoken. A list of SANs in the
 * validation context would be as early, but Envoy matches any SAN of a certificate where the first one chose its
 * trust bundle (a peer's CA could name our services), cannot leave somebody out, and says of no rule that it
 * decided.
 */
export function tcpGate(intent: Intent, service: Service): Resource {
  const { enforced, audits } = tcpVerdicts(intent, service);
  const allowed = [...new Set(rulesOf(enforced).filter(isAllow).map(ruleName))].sort();
  const message = create(TypedExtensionConfigSchema, {
    name: gateName,
    typedConfig: any(ConfigSchema, {
      onDownstreamTlsHandshake: [
        state(tcpStateKeys.caller, '%DOWNSTREAM_PEER_URI_SAN%'),
        state(tcpStateKeys.rule, nobody),
        ...found(tcpStateKeys.rule, enforced),
        // Envoy looks at the first name alone, and such a peer has no one identity (X509-SVID section 2).
        stateWhere(
          tcpStateKeys.rule,
          `size(${stateOf('caller')}) != size(${caller})`,
          severalNames,
        ),
        ...(audits === undefined ? [] : found(tcpStateKeys.audit, audits)),
        ...outcome(allowed),
      ],
    }),
  });
  return resource({
    typeUrl: typeUrls.extension,
    name: gateName,
    schema: TypedExtensionConfigSchema,
    message,
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

/** The last one that holds counts: who is named goes before all of a trust domain. */
function found(key: string, { exact, domains, others }: Verdicts): readonly State[] {
  const names = new Map<string, string[]>();
  for (const [id, rule] of exact) {
    const name = ruleName(rule);
    const known = names.get(name);
    if (known === undefined) names.set(name, [id]);
    else known.push(id);
  }
  return [
    ...(others === undefined ? [] : [state(key, ruleName(others))]),
    ...[...domains].map(([domain, rule]) =>
      stateWhere(
        key,
        `${caller}.matches(${text(`^${trustDomainRegex(domain)}$`)})`,
        ruleName(rule),
      ),
    ),
    ...[...names].flatMap(([name, ids]) =>
      lists(ids).map((list) => stateWhere(key, `${caller} in [${list}]`, name)),
    ),
  ];
}

/** Literals by commas, in as many lists as it takes. */
function lists(ids: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (const literal of ids.map(text)) {
    const last = found.at(-1);
    if (last !== undefined && last.length + literal.length < listTextMax)
      found[found.length - 1] = `${last},${literal}`;
    else found.push(literal);
  }
  return found;
}

/** Envoy makes no expression of an empty list's type. */
function outcome(allowed: readonly string[]): readonly State[] {
  const rule = stateOf('rule');
  const isAllowed =
    allowed.length === 0 ? 'false' : `${rule} in [${allowed.map((name) => `b${text(name)}`)}]`;
  const kinds = [
    [isAllowed, undefined],
    [`${rule} == b${text(nobody)}`, denials.none],
    [`${rule} == b${text(severalNames)}`, denials.several],
  ] as const;
  const denial = (field: 'code' | 'reason'): State => {
    const cases = kinds.map(([when, what]) => `${when} ? ${text(what?.[field] ?? '')} : `);
    const expression = `${cases.join('')}${text(denials.rule[field])}`;
    return { ...state(tcpStateKeys[field], `%CEL(${expression})%`), skipIfEmpty: true };
  };
  return [stateWhere(destinationKey, isAllowed, application), denial('code'), denial('reason')];
}

function rulesOf({ exact, domains }: Verdicts): readonly Rule[] {
  return [...exact.values(), ...domains.values()];
}

function isAllow({ effect }: Rule): boolean {
  return effect === 'allow';
}

function ruleName({ effect, id }: Rule): string {
  return `${effect}/${id}`;
}

/** As CEL sees it, which is as bytes. */
function stateOf(name: 'caller' | 'rule'): string {
  return `filter_state[${text(tcpStateKeys[name])}]`;
}

/** What cannot be evaluated is `-`, which is no rule and no address. */
function stateWhere(key: string, condition: string, value: string): State {
  return {
    ...state(key, `%CEL(${condition} ? ${text(value)} : '')%`),
    skipIfEmpty: true,
  };
}

function state(key: string, format: string): State {
  return {
    key: { case: 'objectKey', value: key },
    factoryKey: key === destinationKey ? destinationKey : 'envoy.string',
    value: {
      case: 'formatString',
      value: {
        format: {
          case: 'textFormatSource',
          value: { specifier: { case: 'inlineString', value: format } },
        },
      },
    },
  };
}

/** A literal of CEL in which nothing ends it, nor the command of the format around it. */
function text(value: string): string {
  const escaped = value.replaceAll(
    /[^A-Za-z0-9 .,:_/*+?^$@()[\]{}|~-]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `'${escaped}'`;
}
