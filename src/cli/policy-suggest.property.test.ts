import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { mayComeIn } from '../explain/flow-diff.ts';
import {
  callee,
  filesOf,
  type IntentFiles,
  intentOf,
  randomSent,
  randomWritten,
  type Sent,
  seedsFor,
  spiffeIdOf,
  trustDomain,
} from '../explain/random-intent.fixture.ts';
import { suggestRules } from '../explain/suggest-rules.ts';
import { decisionOn } from '../explain/why.ts';
import { parseIntent } from '../model/parse.ts';
import { matchesPath, parsePathPattern } from '../model/path-pattern.ts';
import type { ServiceName } from '../model/types.ts';
import { policyDocument } from '../policy/document.ts';
import type { Flow } from '../policy/flow.ts';
import { pathTemplate } from '../policy/path-template.ts';
import { suggestedText } from './policy-suggest.ts';

const bySeed = 30;
/** Names that a path may have and a pattern may not, and names that read like patterns. */
const oddNames = ['a b', '**', '*', 'a*', 'ä', '%', '"', '#x', 'a'.repeat(1_100), "it's"];
const oddMethods = ['M-SEARCH', 'VERSION-CONTROL'];

function odd(random: RandomNumber, { from, request, facts }: Sent): Sent {
  if (request === undefined || random() < 0.85) return { from, request, facts };
  const path = request.path.replace(/[^/]+/, encodeURIComponent(pick(random, oddNames)));
  return { from, request: { ...request, path }, facts };
}

/** What the log of a proxy keeps of it; of many templates there it keeps the first segment. */
function flowOf(random: RandomNumber, { from, request }: Sent, rule: string): Flow {
  const path = pathTemplate(decodeURIComponent(request?.path ?? ''));
  const wide = path.replace(/^(\/[^/]+)\/.*$/, '$1/**');
  return {
    caller: spiffeIdOf(from),
    method: request?.method ?? 'connect',
    path: random() < 0.1 ? wide : path,
    ...{ verdict: 'allow', requests: 1, firstMs: 1, lastMs: 2, rule },
  };
}

/** As people write them; by chance they are JSON. */
function inBlocks(files: IntentFiles): IntentFiles {
  return new Map([...files].map(([name, text]) => [name, stringify(JSON.parse(text))]));
}

describe('a suggestion', () => {
  it('reads without findings, lets in all that came in, and beside it only what templates and kept rules say', (t) => {
    const met = { suggestions: 0, flows: 0, asked: 0, beyond: 0 };
    for (const seed of seedsFor(4_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const files = random() < 0.2 ? filesOf(written) : inBlocks(filesOf(written));
      const before = intentOf(written, files);
      const service = before.services.get(callee as ServiceName);
      assert.ok(service);
      const all = Array.from({ length: bySeed }, () =>
        odd(random, randomSent(random, written.protocol)),
      );
      const ask = (intent: typeof before, sent: Sent) =>
        decisionOn(intent, { ...sent, to: callee });
      const seen = all.flatMap((sent) => {
        const decision = ask(before, sent);
        return decision.kind === 'allow' ? [{ sent, rule: decision.rule.id }] : [];
      });
      const flows = seen.map(({ sent, rule }) => flowOf(random, sent, rule));
      const own = flows.filter(mayComeIn(policyDocument(before), callee));
      const found = suggestRules(service, trustDomain, { flows: own, tests: [] });
      const text = suggestedText(files, service, found);
      const read = parseIntent(new Map([...files, [service.at.file, text]]));
      const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, flows, text })}`;
      const old = new Set(
        parseIntent(files).findings.map(({ code, message }) => `${code} ${message}`),
      );
      const fresh = read.findings.filter(
        ({ code, message, severity }) => !old.has(`${code} ${message}`) && severity === 'error',
      );
      assert.deepEqual(fresh, [], where);
      const after = read.intent;
      assert.ok(after, where);
      for (const { sent } of seen)
        assert.equal(ask(after, sent).kind, 'allow', `${JSON.stringify(sent)} ${where}`);
      met.suggestions += 1;
      met.flows += flows.length;
      const used = new Set(flows.map(({ rule }) => rule));
      for (const { id } of found.dropped) assert.ok(!used.has(id), where);
      const kept = new Set(found.kept.map(({ id }) => id as string));
      for (let at = 0; at < bySeed; at += 1) {
        const sent = odd(random, randomSent(random, written.protocol));
        const decision = ask(after, sent);
        met.asked += 1;
        if (decision.kind !== 'allow' || kept.has(decision.rule.id)) continue;
        const isSeen = flows.some((flow) => isOf(flow, sent, written.protocol));
        if (!isSeen) met.beyond += 1;
        assert.equal(ask(before, sent).kind, 'allow', `more than before: ${where}`);
        assert.ok(isSeen, `${JSON.stringify([sent, decision])} ${where}`);
      }
    }
    t.diagnostic(JSON.stringify(met));
  });
});

/** A name that no rule can have stands for any. */
function isOf({ caller, method, path }: Flow, { from, request }: Sent, protocol: string): boolean {
  const isCaller = caller === spiffeIdOf(from);
  if (!isCaller || request === undefined) return isCaller && method === 'connect';
  const pattern = {
    text: path,
    segments: path
      .slice(1)
      .split('/')
      .map((one) => named(one, protocol)),
  };
  const isMethod = method === request.method || oddMethods.includes(method);
  return isMethod && matchesPath(pattern, decodeURIComponent(request.path));
}

function named(segment: string, protocol: string): string {
  const isNamed =
    protocol === 'grpc' ? /^[A-Za-z_][\w.]*$/.test(segment) : parsePathPattern(`/${segment}`).ok;
  return isNamed || segment === '**' ? segment : '*';
}
