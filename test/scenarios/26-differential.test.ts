import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { WireAnswer } from '../../src/app/verify/wire-client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { seeded } from '../../src/base/seeded.fixture.ts';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../src/gen/envoy/service/auth/v3/external_auth_pb.js';
import { canonicalize } from '../../src/policy/canonical.ts';
import { decideRequest } from '../../src/policy/decide-request.ts';
import { answerOf } from '../../src/policy/decision.ts';
import { type RbacPlan, rbacPlan } from '../../src/policy/rbac-plan.ts';
import { evaluatePlan } from '../../src/policy/rbac-plan-evaluate.fixture.ts';
import { requestFacts } from '../../src/policy/request-facts.ts';
import { atOnce } from '../../src/serve/authz/at-once.fixture.ts';
import { policyTokens } from '../../src/tokens/token-verifier.ts';
import {
  callee,
  type PairRequest,
  type PairRule,
  type PairVerdict,
  randomPairPolicy,
  randomPairRequest,
} from '../support/authz-pairs.ts';
import { plainVerdict } from '../support/authz-plain.ts';
import { AuthzWorld, deskOf, formsOf, type PolicyForms } from '../support/authz-world.ts';
import { eventually } from '../support/running-mesh.ts';

/** `CHANCERY_PAIRS=100000` for a night; `CHANCERY_SEED` replays what a failure names. */
const pairsWanted = Number(process.env['CHANCERY_PAIRS'] ?? 2_000);
const firstSeed = Number(process.env['CHANCERY_SEED'] ?? 1);
const pairsByPolicy = 50;
const timeoutMs = 30_000 + pairsWanted * 10;
/** Envoy writes its access log out at least this often. */
const logFlushMs = 15_000;

/** What somebody decided, and the rule that they name. */
interface Found {
  readonly kind: 'allow' | 'deny';
  readonly rule: string | undefined;
}

function rawOf({ callers, method, target, host, headers }: PairRequest) {
  // Envoy reports the first name as the principal, and all of them in a header.
  const names = callers.map((uri) => `URI=${uri}`).join(';');
  return {
    ...{ principal: callers[0] ?? '', method, path: target, host },
    headers: [...headers, ['x-forwarded-client-cert', names] as const],
  };
}

function byEngine({ compiled }: PolicyForms, request: PairRequest): Found {
  const raw = rawOf(request);
  const canonical = canonicalize(raw);
  if (!canonical.ok) return { kind: 'deny', rule: undefined };
  const { caller, method, path, others } = canonical.value;
  const timeMs = systemClock.nowMs();
  const lines = raw.headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  const token = policyTokens(compiled)(lines, timeMs);
  const more = { token, timeMs, address: '127.0.0.1', id: 'r', scheme: 'http' };
  const facts = requestFacts(raw, canonical.value, more);
  const action = { kind: 'http', method, path } as const;
  const asked = { caller, callee, action, facts };
  const { kind, rule } = answerOf(decideRequest(compiled, asked, others));
  return { kind, rule: rule?.id };
}

/** Denials in audit that would have kept out a request that is let in: read plainly, each as if it were in force. */
function auditsOf(forms: PolicyForms, request: PairRequest): readonly string[] {
  const audits = { ...forms.policy, rules: forms.policy.rules.map(enforced) };
  const before = plainVerdict(forms.policy, request);
  if (before.kind === 'deny' || hasOverrides(request)) return [];
  const rules = audits.rules.filter(({ id }) => id.endsWith(inForce));
  return rules.flatMap((rule) => {
    const alone = { ...audits, rules: [...forms.policy.rules, rule] };
    return plainVerdict(alone, request).rule === rule.id ? [rule.id.slice(0, -inForce.length)] : [];
  });
}

const inForce = '-in-force';

function enforced({ mode, ...rule }: PairRule): PairRule {
  const isAudit = mode === 'audit' && rule.effect === 'deny';
  return isAudit ? { ...rule, id: `${rule.id}${inForce}` } : { ...rule, ...(mode && { mode }) };
}

function hasOverrides({ meaning }: PairRequest): boolean {
  return meaning !== undefined && Object.keys(meaning.overrides).length > 0;
}

function byDesk(check: ReturnType<typeof deskOf>, request: PairRequest): Found {
  const { principal, method, path, host, headers } = rawOf(request);
  const lines = headers.map(([key, value]) => ({
    key: key.toLowerCase(),
    rawValue: Buffer.from(value, 'latin1'),
  }));
  const http = { method, path, host, headerMap: { headers: lines } };
  const message = create(CheckRequestSchema, {
    attributes: {
      source: { principal },
      request: { http },
      contextExtensions: { 'chancery.side': 'ingress' },
    },
  });
  const response = atOnce(check(toBinary(CheckRequestSchema, message), callee));
  assert.ok(response.ok);
  const { httpResponse, dynamicMetadata } = fromBinary(CheckResponseSchema, response.value);
  const rule = dynamicMetadata?.['rule'];
  return {
    kind: httpResponse.case === 'okResponse' ? 'allow' : 'deny',
    rule: typeof rule === 'string' ? rule : undefined,
  };
}

/** Undefined: it leaves it to the desk. */
function byPlan(plan: RbacPlan, request: PairRequest): Found | undefined {
  const { callers, method, target, host, headers } = request;
  const path = target.split('?')[0] ?? '';
  const { kind, id } = evaluatePlan(plan, {
    ...{ caller: callers.join(','), method, path, target, host, headers },
  });
  return kind === 'ask' ? undefined : { kind, rule: id };
}

/** 400: it has no single reading. 421: let through to the routes, which have no such host. */
function byWire({ status }: WireAnswer, line?: Readonly<Record<string, unknown>>): Found {
  const rule = String(line?.['rule'] ?? '');
  const decision = line?.['decision'] as { readonly rule?: string } | undefined;
  const named = rule.startsWith('ask/') ? decision?.rule : /^(?:allow|deny)\/(.+)$/.exec(rule)?.[1];
  return { kind: [200, 421].includes(status) ? 'allow' : 'deny', rule: named };
}

interface Sent {
  readonly request: PairRequest;
  readonly expected: PairVerdict;
  readonly answer: WireAnswer;
  readonly seed: number;
  /** Denials in audit that hold. */
  readonly audits: readonly string[];
}

describe(`the rules read plainly, the engine, the desk, the plan and Envoy over ${pairsWanted} requests`, {
  timeout: timeoutMs,
}, () => {
  const world = new AuthzWorld();
  const sent = new Map<string, Sent>();
  const met = { allowed: 0, denied: 0, refused: 0, asked: 0 };
  before(() => world.start(formsOf(randomPairPolicy(seeded(0), 'p'))));
  after(() => world.stop());

  it('decide alike, and name the same rule', async () => {
    for (let seed = firstSeed; sent.size < pairsWanted; seed += 1) await onePolicy(seed);
  });

  it('and Envoy names it in its log', async () => {
    let log: Awaited<ReturnType<typeof world.log>> = new Map();
    const [last = ''] = [...sent.keys()].slice(-1);
    await eventually(
      async () => {
        log = await world.log();
        return log.has(last);
      },
      logFlushMs,
      () => `${log.size} lines of ${sent.size}`,
    );
    for (const [id, { request, expected, answer, seed, audits }] of sent) {
      // What the connection manager refuses has no line with this id.
      if (answer.status === 400) continue;
      const found = byWire(answer, log.get(id));
      const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ request, expected, found, line: log.get(id) })}`;
      assert.deepEqual(found, expected, where);
      const audit = String(log.get(id)?.['audit'] ?? '');
      // The desk hears all of them, also of what is let in without it; the proxy by itself tells the first.
      if (String(log.get(id)?.['rule']).startsWith('allow/') && !audit.startsWith('ask/')) {
        const told = audit.replace(/^deny\//, '');
        const isHeard = audits.length === 0 ? told === '' : audits.includes(told);
        assert.ok(isHeard, `audit: ${JSON.stringify({ audits, audit })} ${where}`);
      }
      if (String(log.get(id)?.['rule']).startsWith('ask/')) met.asked += 1;
    }
    const share = (part: number) => part / pairsWanted;
    assert.ok(share(met.allowed) > 0.1 && share(met.denied) > 0.1, JSON.stringify(met));
    assert.ok(share(met.refused) > 0.05 && share(met.asked) > 0.1, JSON.stringify(met));
  });

  async function onePolicy(seed: number): Promise<void> {
    const random = seeded(seed);
    const forms = formsOf(randomPairPolicy(random, `p${seed}-`));
    const plan = rbacPlan(forms.document, callee, { decides: forms.policy.decide });
    assert.ok(plan !== undefined);
    await world.take(forms);
    const check = deskOf(() => forms.received);
    const pairs = Array.from({ length: pairsByPolicy }, () => randomPairRequest(random));
    await Promise.all(
      pairs.map(async (request, at) => {
        const expected = plainVerdict(forms.policy, request);
        const id = `${seed}-${at}`;
        const answer = await world.send(id, request);
        const found = {
          engine: byEngine(forms, request),
          desk: byDesk(check, request),
          plan: byPlan(plan, request),
        };
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ request, expected, found, answer, policy: forms.policy })}`;
        assert.deepEqual(found.engine, expected, `engine: ${where}`);
        assert.deepEqual(found.desk, expected, `desk: ${where}`);
        if (found.plan !== undefined) assert.deepEqual(found.plan, expected, `plan: ${where}`);
        assert.equal(byWire(answer).kind, expected.kind, `wire: ${where}`);
        sent.set(id, { request, expected, answer, seed, audits: auditsOf(forms, request) });
        if (request.meaning === undefined) met.refused += 1;
        else if (expected.kind === 'allow') met.allowed += 1;
        else met.denied += 1;
      }),
    );
  }
});
