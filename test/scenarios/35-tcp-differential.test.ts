import assert from 'node:assert/strict';
import { it } from 'node:test';
import { verify } from '../../src/app/verify/verify.ts';
import { drawFrom } from '../../src/compile/random-mesh.fixture.ts';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import { why } from '../../src/explain/why.ts';
import { nothingKnown } from '../../src/policy/facts.ts';
import { randomTcpIntent, tcpCallerIds } from '../support/tcp-intents.ts';

/** Each takes an Envoy of its own. */
const casesMax = 120;

it(`a real Envoy lets connect whom the engine allows, and by a rule that says so, in ${casesMax} random cases`, {
  timeout: 300_000,
}, async () => {
  const envoy = await resolveEnvoy({ env: process.env, onProgress: () => {} });
  const counts = { allow: 0, deny: 0 };
  for (let at = 0; at < casesMax; at += 1) {
    const intent = randomTcpIntent(drawFrom(1 + (at >> 1)));
    // Of two, one that comes in where anybody does.
    const answers = tcpCallerIds.map((from) => {
      const question = { from: from.replace(/^spiffe:\/\/m\.test\/(?=[^/]+$)/, ''), to: 'db' };
      const asked = { ...question, request: undefined, facts: nothingKnown };
      return { asked, answer: why(intent, asked) };
    });
    const wanted = at % 2 === 0 ? 'allow' : 'deny';
    const fitting = answers.filter(({ answer }) => answer.decision.kind === wanted);
    const { asked, answer } =
      fitting[at % Math.max(1, fitting.length)] ?? answers[0] ?? assert.fail();
    const parts = { intent, question: asked, answer, bearer: undefined };
    const { signal } = new AbortController();
    const found = await verify({ ...parts, envoyPath: envoy.path, signal });
    const context = `case ${at}, ${asked.from}: ${JSON.stringify(found)}`;
    assert.ok(found.agrees, context);
    counts[found.found.kind] += 1;
  }
  assert.ok(counts.allow > casesMax / 4 && counts.deny > casesMax / 4, JSON.stringify(counts));
});
