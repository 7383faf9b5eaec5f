import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import { noToken } from '../policy/facts.ts';
import {
  callee,
  filesOf,
  type IntentFiles,
  intentOf,
  randomSent,
  randomWritten,
  type Sent,
  seedsFor,
  type WrittenIntent,
} from './random-intent.fixture.ts';
import { decisionOn } from './why.ts';

const bySeed = 30;

type Json = Record<string, unknown>;

interface Misread {
  readonly what: string;
  readonly files: IntentFiles;
  /** What the version that accepted it understood, or more than that. */
  readonly before: Intent;
  /** How the request comes to somebody who does not understand all of it; undefined: not at all. */
  readonly sees?: (sent: Sent) => Sent | undefined;
}

function edited(files: IntentFiles, path: string, edit: (content: Json) => void): IntentFiles {
  const content = JSON.parse(files.get(path) ?? '') as Json;
  edit(content);
  return new Map([...files, [path, JSON.stringify(content)]]);
}

const ruleMistakes: readonly ((rule: Json, to: Json) => void)[] = [
  (rule) => Object.assign(rule, { unless: 'monday' }),
  (_rule, to) => Object.assign(to, { size: '1m' }),
  (rule) => Object.assign(rule, { from: { zone: 'eu' } }),
  (_rule, to) => Object.assign(to, { request: [...((to['request'] ?? []) as []), '***'] }),
  (rule) => Object.assign(rule, { when: 'source.zone == "eu"' }),
  (rule) => Object.assign(rule, { when: '=' }),
  (rule) => Object.assign(rule, { token: { freshness: '1m' } }),
  (rule) => Object.assign(rule, { mode: 'loud' }),
];

function misreadRule(random: RandomNumber, written: WrittenIntent): Misread {
  const { id, effect } = pick(random, written.rules);
  const mistake = pick(random, ruleMistakes);
  const files = edited(filesOf(written), `services/${callee}.yaml`, (service) => {
    const rule = (service[effect] as Json[]).find((one) => one['id'] === id) ?? {};
    rule['to'] ??= {};
    mistake(rule, rule['to'] as Json);
  });
  const others = written.rules.filter((rule) => rule.id !== id);
  const before = effect === 'allow' ? { ...written, rules: others } : written;
  return { what: `a rule of ${effect}`, files, before: intentOf(before) };
}

/** Nobody more and nobody less may call by it than by the names that are known. */
function misreadName(random: RandomNumber, written: WrittenIntent): Misread {
  const { id, effect } = pick(random, written.rules);
  const files = edited(filesOf(written), `services/${callee}.yaml`, (service) => {
    const rule = (service[effect] as Json[]).find((one) => one['id'] === id) ?? {};
    rule['from'] = [rule['from'] ?? [], pick(random, ['nobody', 'role:none', 'spiffe:'])].flat();
  });
  return { what: `a name in a rule of ${effect}`, files, before: intentOf(written) };
}

function misreadRole(random: RandomNumber, written: WrittenIntent): Misread {
  const name = pick(random, Object.keys(written.roles));
  const files = edited(filesOf(written), 'mesh.yaml', ({ roles }) => {
    const members = (roles as Record<string, unknown[]>)[name] ?? [];
    members[Math.floor(random() * members.length)] = pick(random, [
      {},
      'role:none',
      'spiffe:',
      'q',
    ]);
  });
  return { what: 'a role', files, before: intentOf(written) };
}

function misreadAttribute(random: RandomNumber, written: WrittenIntent): Misread {
  const path = `services/${pick(random, ['a', 'b', callee])}.yaml`;
  const files = edited(filesOf(written), path, (service) => {
    service['attributes'] = pick(random, [{ team: { of: 'x' } }, { team: 7 }, 'all']);
  });
  return { what: 'an attribute', files, before: intentOf(written) };
}

function misreadIssuer(random: RandomNumber, written: WrittenIntent): Misread {
  const name = pick(random, ['login', 'door']);
  const files = edited(filesOf(written), 'mesh.yaml', ({ issuers }) => {
    const issuer = (issuers as Record<string, Json>)[name] ?? {};
    Object.assign(issuer, pick(random, [{ max_age: '1h' }, { jwks: '{}' }, { audience: {} }]));
  });
  const sees = (sent: Sent): Sent => {
    const { token } = sent.facts;
    const isOf = typeof token === 'object' && 'token' in token && token.token.issuerName === name;
    return isOf ? { ...sent, facts: { ...sent.facts, token: noToken } } : sent;
  };
  return { what: 'an issuer', files, before: intentOf(written), sees };
}

function misreadPeer(_random: RandomNumber, written: WrittenIntent): Misread {
  const files = edited(filesOf(written), 'mesh.yaml', ({ peers }) => {
    Object.assign((peers as Record<string, Json>)['partner.test'] ?? {}, { only: '/desk' });
  });
  const sees = (sent: Sent) => (sent.from.startsWith('spiffe://') ? undefined : sent);
  return { what: 'a peer', files, before: intentOf(written), sees };
}

function misreadService(random: RandomNumber, written: WrittenIntent): Misread {
  const path = `services/${pick(random, ['a', callee])}.yaml`;
  const files = edited(filesOf(written), path, (service) =>
    Object.assign(service, pick(random, [{ sealed: true }, { protocol: 'quic' }])),
  );
  return { what: 'a service', files, before: intentOf(written) };
}

const kinds = [
  ...[misreadRule, misreadRule, misreadRule, misreadName, misreadRole, misreadAttribute],
  ...[misreadIssuer, misreadPeer, misreadService],
];

describe('a commit that ran and is not all understood any more', () => {
  it('allows nothing that it did not', (t) => {
    const met: Record<string, number> = {};
    for (const seed of seedsFor(9_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const misread = pick(random, kinds)(random, written);
      const { what, files, before, sees = (sent: Sent): Sent | undefined => sent } = misread;
      const { intent, carried } = parseIntent(files);
      // A rule that says the same in another way is no mistake.
      if (intent !== undefined) continue;
      assert.ok(carried, `CHANCERY_SEED=${seed}: ${what} carries nothing`);
      assert.ok(carried.errors.every(({ meanwhile }) => meanwhile !== ''));
      for (let at = 0; at < bySeed; at += 1) {
        const sent = randomSent(random, written.protocol);
        const seen = sees(sent);
        if (seen === undefined) continue;
        const was = decisionOn(before, { ...sent, to: callee });
        const is = decisionOn(carried.intent, { ...seen, to: callee });
        const key = `${what}: ${is.kind === 'allow' ? 'allowed still' : was.kind === 'allow' ? 'closed' : 'denied'}`;
        met[key] = (met[key] ?? 0) + 1;
        const where = `CHANCERY_SEED=${seed}: ${what} ${JSON.stringify({ files: [...files], sent })}`;
        if (is.kind === 'allow') assert.equal(was.kind, 'allow', where);
      }
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(Object.keys(met).filter((key) => key.endsWith('allowed still')).length >= 6);
  });
});
