import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intentOf, meshFile, serviceFile } from '../../test/support/gate-world.ts';
import { why } from '../explain/why.ts';
import { nothingKnown } from '../policy/facts.ts';
import { whyText } from './why-text.ts';

const intent = intentOf({
  'mesh.yaml': meshFile,
  'services/web.yaml': serviceFile('web'),
  'services/pay.yaml': serviceFile(
    'pay',
    'allow:\n  - { from: web, to: "POST /v1/a-rather-long-path/of-many-segments/that-goes-on" }\n',
  ),
});

function told(method: string, width: number): readonly string[] {
  const request = { method, path: '/v1/a-rather-long-path/of-many-segments/that-goes-on' };
  const answer = why(intent, { from: 'web', to: 'pay', request, facts: { ...nothingKnown } });
  return whyText(answer, { question: 'q', where: 'w' }, { color: false, width } as never).split(
    '\n',
  );
}

test('an answer fits 80 columns, and nothing of it is cut', () => {
  for (const method of ['POST', 'DELETE']) {
    const narrow = told(method, 80).filter((line) => !/^ {2,}(?:- |to:|allow:)/.test(line));
    for (const line of narrow) assert.ok(line.length <= 80, line);
    const words = (lines: readonly string[]) => new Set(lines.join(' ').split(/\s+/));
    assert.deepEqual(words(told(method, 80)), words(told(method, Number.POSITIVE_INFINITY)));
  }
});

test('below a rule whose condition does not hold stands each part that keeps it from that', () => {
  const asked = intentOf({
    'mesh.yaml': `${meshFile}attributes: { team: string }\n`,
    'services/web.yaml': serviceFile('web', 'attributes: { team: shop }\n'),
    'services/pay.yaml': serviceFile(
      'pay',
      'allow:\n  - { id: own, from: web, to: GET /a, when: \'source.team == "pay" || false\' }\n',
    ),
  });
  const request = { method: 'GET', path: '/a' };
  const answer = why(asked, { from: 'web', to: 'pay', request, facts: nothingKnown });
  const text = whyText(answer, { question: 'q', where: 'w' }, {
    ...{ color: false, width: 200 },
  } as never);
  assert.match(
    text,
    /nearest +own: when NO,.*\n +source\.team == "pay" is false: source\.team is "shop"\n/,
  );
});
