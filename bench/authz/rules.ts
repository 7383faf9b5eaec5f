import { pick, type RandomNumber, seeded } from '../../src/base/seeded.fixture.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { Intent } from '../../src/model/types.ts';
import { canonicalize, type RawRequest } from '../../src/policy/canonical.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/policy/compiled-policy.ts';
import { decide, type PolicyRequest } from '../../src/policy/decide.ts';
import { policyDocument } from '../../src/policy/document.ts';
import { parsePolicyDocument } from '../../src/policy/document-parse.ts';

export const trustDomain = 'bench.test';
const callers = 100;
const roles = 20;
const ways = ['from', 'method', 'path', 'tail'] as const;

/** How many rules, and over how many services they stand. */
export interface RuleSize {
  readonly rules: number;
  readonly callees: number;
}

/** A request as the proxy would report it, and the service that would answer. */
export interface Sample {
  readonly callee: string;
  readonly raw: RawRequest;
}

/**
 * A folder of intent: some callers, each in a few roles, and callees whose rules take turns between exact paths, patterns of
 * single segments and prefixes, between services and roles, and of which one in twenty denies.
 */
export function ruleIntent({ rules, callees }: RuleSize): Intent {
  const files = new Map([['mesh.yaml', meshFile()]]);
  for (let index = 0; index < callers; index += 1) {
    files.set(`services/${callerName(index)}.yaml`, serviceFile(callerName(index), 10_000 + index));
  }
  for (let index = 0; index < callees; index += 1) {
    const own = Array.from({ length: Math.ceil((rules - index) / callees) }, (_, at) =>
      ruleOf(index + at * callees),
    );
    const name = calleeName(index);
    files.set(`services/${name}.yaml`, serviceFile(name, 11_000 + index, own));
  }
  const { intent, findings } = parseIntent(files);
  if (intent === undefined) throw new Error(`the intent is refused: ${findings[0]?.message}`);
  return intent;
}

/** The policy as a desk has it: through the document that the control plane hands out. */
export function policyOf(intent: Intent): CompiledPolicy {
  const sent = JSON.parse(JSON.stringify(policyDocument(intent))) as unknown;
  const document = parsePolicyDocument(sent);
  if (!document.ok) throw new Error(document.error);
  return compilePolicy(document.value);
}

export function canonicalOf({ callee, raw }: Sample): PolicyRequest {
  const canonical = canonicalize(raw);
  if (!canonical.ok) throw new Error(canonical.error.reason);
  const { caller, method, path } = canonical.value;
  return { caller, callee, action: { kind: 'http', method, path } };
}

/** Half of them are allowed; the others miss a rule by one clause, or meet a deny rule. */
export function samples(policy: CompiledPolicy, size: RuleSize, count: number): readonly Sample[] {
  const random = seeded(size.rules);
  const half = { allow: [] as Sample[], deny: [] as Sample[] };
  for (let tries = 0; tries < count * 100; tries += 1) {
    const sample = randomSample(random, size);
    const { kind } = decide(policy, canonicalOf(sample));
    if (kind === 'depends') throw new Error('no rule here has conditions');
    const side = half[kind];
    if (side.length < count / 2) side.push(sample);
    if (half.allow.length + half.deny.length === count) break;
  }
  if (half.allow.length !== half.deny.length) throw new Error('the samples are not half and half');
  return half.allow.flatMap((sample, index) => [sample, half.deny[index] ?? sample]);
}

interface Rule {
  readonly effect: 'allow' | 'deny';
  /** A caller or a role. */
  readonly from: string;
  readonly method: string;
  readonly path: string;
}

function ruleOf(index: number): Rule {
  const isDeny = index % 20 === 19;
  const round = Math.floor(index / callers);
  const from =
    index % 3 === 2
      ? `role:r${Math.floor(index / 3) % roles}`
      : callerName((index * 7 + round) % callers);
  const path = [
    `/v1/t${index}/list`,
    `/v1/t${index}/*`,
    `/v1/t${index}/*/items/*`,
    `/files${index}/**`,
  ][index % 4] as string;
  const method = ['GET', 'POST', 'PUT', '*'][index % 4] as string;
  return { effect: isDeny ? 'deny' : 'allow', from, method, path };
}

function randomSample(random: RandomNumber, { rules, callees }: RuleSize): Sample {
  const index = Math.floor(random() * rules);
  const callee = calleeName(index % callees);
  const rule = ruleOf(index);
  const miss = random() < 0.5 ? pick(random, ways) : undefined;
  const stranger = callerName(Math.floor(random() * callers));
  const caller = miss === 'from' ? stranger : memberOf(random, rule.from);
  const method = miss === 'method' ? 'DELETE' : rule.method === '*' ? 'GET' : rule.method;
  const path = concrete(random, rule.path);
  const asked = {
    from: path,
    method: path,
    path: path.replace(/(t|files)\d+/, (part) => `${part}x`),
    tail: `${path}/more`,
  }[miss ?? 'from'];
  return { callee, raw: rawRequest({ caller, callee, method, path: `${asked}?page=2` }) };
}

function memberOf(random: RandomNumber, from: string): string {
  if (!from.startsWith('role:r')) return from;
  const role = Number(from.slice('role:r'.length));
  return callerName(role + roles * Math.floor(random() * (callers / roles)));
}

function concrete(random: RandomNumber, pattern: string): string {
  const id = (): string => String(Math.floor(random() * 1e6));
  return pattern.replace('**', () => `${id()}/report.pdf`).replaceAll('*', id);
}

/** What a browser's or a library's request has, so that reading it costs what it costs. */
function rawRequest(asked: {
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  readonly path: string;
}): RawRequest {
  const { caller, callee, method, path } = asked;
  return {
    principal: `spiffe://${trustDomain}/${caller}`,
    method,
    path,
    host: callee,
    headers: [
      [':authority', callee],
      [':method', method],
      [':path', path],
      [':scheme', 'https'],
      ['accept', 'application/json'],
      ['authorization', 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl'],
      ['user-agent', 'bench/1.0'],
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-proto', 'https'],
      ['x-request-id', '3f2b8a52-6a0e-4b7e-9d3c-0d5b0f6a1c11'],
      [
        'x-forwarded-client-cert',
        `By=spiffe://${trustDomain}/${callee};URI=spiffe://${trustDomain}/${caller}`,
      ],
    ],
  };
}

function meshFile(): string {
  const lines = Array.from({ length: roles }, (_, role) => {
    const members = Array.from({ length: callers }, (_, index) => index)
      .filter((index) => index % roles === role || index % (roles / 2) === role)
      .map(callerName);
    return `  r${role}: [${members.join(', ')}]\n`;
  });
  return `mesh: bench\ntrust_domain: ${trustDomain}\nroles:\n${lines.join('')}`;
}

function serviceFile(name: string, port: number, rules: readonly Rule[] = []): string {
  const of = (effect: Rule['effect']): string => {
    const lines = rules
      .filter((rule) => rule.effect === effect)
      .map(({ from, method, path }) => `  - {from: "${from}", to: "${method} ${path}"}\n`);
    return lines.length === 0 ? '' : `${effect}:\n${lines.join('')}`;
  };
  return (
    `service: ${name}\nowner: b\nprotocol: http\nport: ${port}\n${of('allow')}${of('deny')}` +
    'routes:\n  - { to: v1, timeout: 5s }\n'
  );
}

export function callerName(index: number): string {
  return `c${index}`;
}

export function calleeName(index: number): string {
  return `s${index}`;
}
