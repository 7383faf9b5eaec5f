import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { apiTokens, createApiToken, findApiToken, revokeApiToken } from './api-token.ts';

const nowMs = 1_000_000;
const given = { name: 'bot', role: 'operator', endsMs: nowMs + 60_000, by: 'ann' } as const;

describe('tokens of the operators API', () => {
  it('a token is who it was made for, until it ends', async () => {
    const store = openSqliteStore(':memory:');
    const token = await createApiToken({ store, random, nowMs }, given);
    assert.ok(token !== undefined);
    const found = await findApiToken(store, token, nowMs + 59_999);
    assert.ok(found.ok);
    assert.deepEqual([found.value.name, found.value.role], ['bot', 'operator']);
    const late = await findApiToken(store, token, nowMs + 60_000);
    assert.ok(!late.ok);
    assert.match(late.error, /ended at/);
  });

  it('nothing that is kept is enough to make the token again', async () => {
    const store = openSqliteStore(':memory:');
    const token = (await createApiToken({ store, random, nowMs }, given)) ?? '';
    const secret = token.split('.')[2] ?? '';
    const kept = await store.list('api-token');
    const text = kept.map(({ value }) => Buffer.from(value).toString('utf8')).join();
    assert.ok(secret.length === 43 && !text.includes(secret));
  });

  it('a name that is in use is not given again; one that has ended is', async () => {
    const store = openSqliteStore(':memory:');
    assert.ok(await createApiToken({ store, random, nowMs }, given));
    assert.equal(await createApiToken({ store, random, nowMs }, given), undefined);
    const later = { ...given, endsMs: nowMs + 120_000 };
    assert.ok(await createApiToken({ store, random, nowMs: nowMs + 60_000 }, later));
    assert.equal((await apiTokens(store)).length, 1);
  });

  it('a revoked token, another secret and another form are nobody', async () => {
    const store = openSqliteStore(':memory:');
    const token = (await createApiToken({ store, random, nowMs }, given)) ?? '';
    const other = `chancery-api.bot.${'A'.repeat(43)}`;
    for (const wrong of [other, `${token}A`, token.slice(0, -1), '', token.toUpperCase()]) {
      assert.ok(!(await findApiToken(store, wrong, nowMs)).ok, wrong);
    }
    assert.ok(await revokeApiToken(store, 'bot'));
    assert.ok(!(await findApiToken(store, token, nowMs)).ok);
    assert.ok(!(await revokeApiToken(store, 'bot')));
  });
});
