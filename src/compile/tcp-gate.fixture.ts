import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import { ConfigSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import type { Resource } from './resource.ts';

/** What the gate leaves for a certificate with these URI SANs, read as Envoy reads it: states in their order. */
export function gateStates(gate: Resource, sans: readonly string[]): ReadonlyMap<string, string> {
  const states = new Map<string, string>();
  for (const { key, format, skipIfEmpty } of gateFormats(gate)) {
    const value = formatted(format, sans, states);
    if (value !== '' || !skipIfEmpty) states.set(key, value);
  }
  return states;
}

export function gateFormats({ bytes }: Resource) {
  const { typedConfig } = fromBinary(TypedExtensionConfigSchema, bytes);
  const config = typedConfig && anyUnpack(typedConfig, ConfigSchema);
  return (config?.onDownstreamTlsHandshake ?? []).map(({ key, value, skipIfEmpty }) => {
    const source = value.value?.format;
    const specifier =
      source?.case === 'textFormatSource' ? source.value.specifier : { case: undefined };
    if (specifier.case !== 'inlineString') throw new Error('no text');
    return { key: String(key.value), format: specifier.value, skipIfEmpty };
  });
}

function formatted(
  format: string,
  sans: readonly string[],
  states: ReadonlyMap<string, string>,
): string {
  if (format === '%DOWNSTREAM_PEER_URI_SAN%') return sans.join(',');
  const [, expression] = /^%CEL\((.*)\)%$/.exec(format) ?? [];
  if (expression === undefined) return format;
  for (const [, condition = '', value = ''] of `${expression} : `.matchAll(
    /(.*?) \? ('[^']*') : |('[^']*') : /g,
  )) {
    if (value !== '' && holds(condition, sans, states)) return literal(value);
  }
  return literal(/ : ('[^']*')$/.exec(expression)?.[1] ?? '');
}

function holds(
  condition: string,
  sans: readonly string[],
  states: ReadonlyMap<string, string>,
): boolean {
  if (condition === 'false') return false;
  const [first = ''] = sans;
  const [, left = '', operator = '', right = ''] =
    /^(\S+?) ?(in|==|!=|\.matches\() ?(.*?)\)?$/.exec(condition) ?? [];
  const value = term(left, first, states);
  switch (operator) {
    case 'in':
      return right.slice(1, -1).split(',').map(literal).includes(value);
    case '==':
      return value === literal(right);
    case '!=':
      return value !== term(`${right})`, first, states);
    case '.matches(':
      return new RegExp(literal(right)).test(value);
    default:
      throw new Error(`not understood: ${condition}`);
  }
}

function term(text: string, first: string, states: ReadonlyMap<string, string>): string {
  if (text === 'connection.uri_san_peer_certificate') return first;
  const [, inner] = /^size\((.*)\)$/.exec(text) ?? [];
  if (inner !== undefined) return String(term(inner, first, states).length);
  const [, key] = /^filter_state\[(.*)\]$/.exec(text) ?? [];
  const value = key === undefined ? undefined : states.get(literal(key));
  if (value === undefined) throw new Error(`not understood: ${text}`);
  return value;
}

function literal(text: string): string {
  const [, inner] = /^b?'(.*)'$/.exec(text) ?? [];
  if (inner === undefined) throw new Error(`no literal: ${text}`);
  return inner.replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
