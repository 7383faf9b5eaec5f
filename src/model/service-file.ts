import { isMap } from 'yaml';
import type { Position } from '../base/finding.ts';
import { type AttributeDraft, readAttributes } from './attributes-file.ts';
import { readWords } from './condition-file.ts';
import { misreadNames } from './contained.ts';
import { callFields, serviceFields, testFields } from './fields.ts';
import { parseOperation } from './operation.ts';
import { misreadRoutes, type RouteDraft, readRoutes } from './route-file.ts';
import { testTokenFields } from './rule-fields.ts';
import { type RuleDraft, readRules } from './rule-file.ts';
import { readRun, readTexts } from './run-file.ts';
import { deciders, readLabel, readPort, readServiceName, readWord } from './scalars.ts';
import type {
  Decider,
  HealthCheck,
  Protocol,
  RunCommand,
  Selector,
  ServiceName,
  TestToken,
  VersionName,
} from './types.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

/** One service file, each field checked by itself; what concerns other files is checked later. */
export interface ServiceDraft {
  readonly name: ServiceName;
  readonly at: Position;
  readonly owner: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly portAt: Position;
  readonly health: HealthCheck | undefined;
  readonly identityAt: Position | undefined;
  readonly selectors: readonly Selector[];
  readonly attributes: ReadonlyMap<string, AttributeDraft>;
  readonly isAttributesMisread: boolean;
  readonly decide: Decider | undefined;
  readonly allow: readonly RuleDraft[];
  readonly deny: readonly RuleDraft[];
  readonly routes: readonly RouteDraft[];
  readonly run: ReadonlyMap<VersionName, RunCommand>;
  readonly calls: readonly CallDraft[];
  readonly tests: readonly TestDraft[];
}

interface CallDraft {
  readonly at: Position;
  readonly nameAt: Position;
  readonly service: ServiceName;
  readonly localPort: number | undefined;
  readonly localPortAt: Position | undefined;
}

interface TestDraft {
  readonly at: Position;
  readonly name: string;
  readonly from: ServiceName;
  readonly fromAt: Position;
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly token: TestToken | undefined;
  readonly tokenAt: Position | undefined;
  readonly expect: 'allow' | 'deny';
}

export function readServiceFile(file: YamlFile): ServiceDraft | undefined {
  const fields = file.fields(file.root, serviceFields, 'a service');
  if (fields === undefined) return undefined;
  const nameNode = fields.get('service');
  const name = nameNode === undefined ? undefined : readServiceName(file, nameNode);
  const ownerNode = fields.get('owner');
  const owner = ownerNode === undefined ? '' : (file.text(ownerNode, 'a team') ?? '');
  const protocol = readWord(file, fields.get('protocol'), ['http', 'http2', 'grpc', 'tcp']);
  const port = readPort(file, fields.get('port'));
  const known = protocol ?? 'http';
  const draft = {
    allow: readRules(file, fields, 'allow', known),
    deny: readRules(file, fields, 'deny', known),
    routes: file.part(misreadRoutes, () => readRoutes(file, fields)),
    run: readRun(file, fields),
    calls: file.part('the call is left out', () => readCalls(file, fields)),
    tests: file.part('the test is left out', () => readTests(file, fields, known)),
    health: file.part('it is not checked', () => readHealth(file, fields.get('health'), known)),
    identityAt: placeOf(file, fields.key('identity')),
    selectors: readIdentity(file, fields.get('identity')),
    ...readOwnAttributes(file, fields),
    decide: file.part('as if it were not said', () => readDecider(file, fields, known)),
  };
  if (name === undefined || protocol === undefined || port === undefined) return undefined;
  const portAt = file.at(fields.get('port'));
  return { name, at: file.at(nameNode), owner, protocol, port, portAt, ...draft };
}

function readOwnAttributes(
  file: YamlFile,
  fields: Fields,
): Pick<ServiceDraft, 'attributes' | 'isAttributesMisread'> {
  let isAttributesMisread = false;
  const attributes = file.part(
    misreadNames,
    () => readAttributes(file, fields.get('attributes')),
    (read) => {
      isAttributesMisread = true;
      return read;
    },
  );
  return { attributes, isAttributesMisread };
}

/** About a connection the proxy alone can decide. */
function readDecider(file: YamlFile, fields: Fields, protocol: Protocol): Decider | undefined {
  const node = fields.get('decide');
  const decide = readWord(file, node, deciders);
  if (decide === 'desk' && protocol === 'tcp') {
    file.report('CH1112', node, 'a tcp service has no requests to ask the desk about', {
      expected: 'proxy',
      help: 'take it out, or declare the protocol that the service speaks',
    });
  }
  return decide;
}

function placeOf(file: YamlFile, node: YamlNode): Position | undefined {
  return node === undefined ? undefined : file.at(node);
}

function readHealth(file: YamlFile, node: YamlNode, protocol: Protocol): HealthCheck | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a health check');
  if (text === undefined) return undefined;
  if (text === 'grpc' || text === 'connect') return { kind: text };
  const match = /^(GET|HEAD) (\/\S*)$/.exec(text);
  if (match !== null) {
    const check = { method: match[1] as 'GET' | 'HEAD', path: match[2] ?? '/' };
    return protocol === 'http2'
      ? { kind: 'http', ...check, over: 'http2' }
      : { kind: 'http', ...check };
  }
  file.report('CH1017', node, `"${text}" is no health check`, {
    expected: '"GET /path", "HEAD /path", "grpc" or "connect"',
  });
  return undefined;
}

const selectorKinds: Readonly<Record<string, readonly string[]>> = {
  unix: [
    'user',
    'uid',
    'group',
    'gid',
    'supplementary_group',
    'supplementary_gid',
    'path',
    'sha256',
  ],
  systemd: ['unit'],
  container: ['id'],
  cgroup: ['path'],
  parent: ['user', 'uid', 'path'],
  host: [
    'name',
    'method',
    'ca',
    'subject_cn',
    'san_dns',
    'ek',
    'account',
    'region',
    'image',
    'instance_type',
  ],
};

/** What nothing can show. */
const unshown = 'not understood';

/** Fewer selectors than were meant would let others be this service. */
function readIdentity(file: YamlFile, node: YamlNode): readonly Selector[] {
  const isHost = !isMap(node) || file.entries(node).some(({ key }) => key === 'host');
  return file.part(
    'nobody new is taken for this service',
    () => readSelectors(file, node),
    (read) => [
      ...read,
      { kind: `unix:${unshown}`, value: '' },
      ...(isHost ? [{ kind: `host:${unshown}`, value: '' }] : []),
    ],
  );
}

function readSelectors(file: YamlFile, node: YamlNode): readonly Selector[] {
  if (node === undefined) return [];
  if (!isMap(node)) {
    file.wrongType(node, 'selectors, such as { unix: { user: payments } }');
    return [];
  }
  const selectors = file.entries(node).flatMap(({ key, keyNode, value }) => {
    const kinds = Object.hasOwn(selectorKinds, key) ? selectorKinds[key] : undefined;
    if (kinds === undefined) {
      file.report('CH1010', keyNode, `\`identity\` has no field \`${key}\``, {
        expected: `one of ${Object.keys(selectorKinds).join(', ')}`,
      });
      return [];
    }
    return [...readTexts(file, value)].flatMap(([kind, text]) => {
      if (kinds.includes(kind)) return [{ kind: `${key}:${kind}`, value: text }];
      file.report('CH1010', value, `\`${key}\` has no selector \`${kind}\``, {
        expected: `one of ${kinds.join(', ')}`,
      });
      return [];
    });
  });
  return selectors.sort((a, b) => (a.kind < b.kind ? -1 : 1));
}

function readCalls(file: YamlFile, service: Fields): readonly CallDraft[] {
  const node = service.get('calls');
  if (node === undefined) return [];
  const items = file.list(node, 'each item of `calls` is a service', false) ?? [];
  return items.flatMap((item) => {
    const at = file.at(item);
    if (!isMap(item)) {
      const name = readServiceName(file, item);
      if (name === undefined) return [];
      return [{ at, nameAt: at, service: name, localPort: undefined, localPortAt: undefined }];
    }
    const fields = file.fields(item, callFields, 'a call');
    const nameNode = fields?.get('service');
    const name = nameNode === undefined ? undefined : readServiceName(file, nameNode);
    if (fields === undefined || name === undefined) return [];
    const localPortNode = fields.get('local_port');
    const localPort = readPort(file, localPortNode);
    const localPortAt = placeOf(file, localPortNode);
    return [{ at, nameAt: file.at(nameNode), service: name, localPort, localPortAt }];
  });
}

function readTests(file: YamlFile, service: Fields, protocol: Protocol): readonly TestDraft[] {
  const node = service.get('tests');
  if (node === undefined) return [];
  const items = file.list(node, 'each item of `tests` is a test', false) ?? [];
  return items.flatMap((item) => readTest(file, item, protocol) ?? []);
}

function readTest(file: YamlFile, node: YamlNode, protocol: Protocol): TestDraft | undefined {
  const fields = file.fields(node, testFields, 'a test');
  if (fields === undefined) return undefined;
  const fromNode = fields.get('from');
  const from = fromNode === undefined ? undefined : readLabel(file, fromNode, 'a service');
  const expect = readWord(file, fields.get('expect'), ['allow', 'deny']);
  const requestNode = fields.get('request');
  const text = requestNode === undefined ? undefined : file.text(requestNode, 'a request');
  const request = text === undefined ? undefined : readRequest(text, protocol);
  if (text !== undefined && request === undefined) {
    file.report('CH1060', requestNode, `"${text}" is no request`, {
      expected: protocol === 'grpc' ? '"pkg.Service/Method"' : '"METHOD /path"',
    });
  }
  if (from === undefined || expect === undefined || request === undefined) return undefined;
  const nameNode = fields.get('name');
  const name = nameNode === undefined ? undefined : file.text(nameNode, 'a text');
  const tokenNode = fields.get('token');
  return {
    at: file.at(node),
    name: name ?? `${from}: ${text}`,
    from: from as ServiceName,
    fromAt: file.at(fromNode),
    ...request,
    headers: readTexts(file, fields.get('headers')),
    token: readTestToken(file, tokenNode),
    tokenAt: tokenNode === undefined ? undefined : file.at(tokenNode),
    expect,
  };
}

function readTestToken(file: YamlFile, node: YamlNode): TestToken | undefined {
  const fields = node === undefined ? undefined : file.fields(node, testTokenFields, 'a token');
  if (fields === undefined) return undefined;
  const text = (name: string): string | undefined => {
    const value = fields.get(name);
    return value === undefined ? undefined : file.text(value, 'a text');
  };
  const texts = (name: string): readonly string[] =>
    readWords(file, fields.get(name), 'a text').map((word) => word.text);
  return {
    issuer: text('issuer'),
    subject: text('subject'),
    audiences: texts('audience'),
    scopes: texts('scopes'),
    claims: readTexts(file, fields.get('claims')),
  };
}

function readRequest(
  text: string,
  protocol: Protocol,
): { readonly method: string; readonly path: string } | undefined {
  if (protocol === 'grpc') {
    const operation = parseOperation(text, 'grpc');
    return operation.ok && !text.includes('*') ? { method: 'POST', path: `/${text}` } : undefined;
  }
  const match = /^([A-Z]{1,32}) (\/\S*)$/.exec(text);
  return match === null ? undefined : { method: match[1] ?? '', path: match[2] ?? '' };
}
