import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTrailers } from './trailers.ts';

const values = (message: string, name: string) => parseTrailers(message).get(name) ?? [];

describe('trailers of a commit message', () => {
  it('stand in the last paragraph, under any case of their name', () => {
    const message = 'Remove ledger\n\nNobody calls it.\n\nChancery-Approve: removal\nCc: team\n';
    assert.deepEqual(values(message, 'chancery-approve'), ['removal']);
    assert.deepEqual(values(message, 'cc'), ['team']);
  });

  it('are all kept where a name comes twice, and go on over lines', () => {
    const message = 'x\r\n\r\nA: one\r\n  and more\r\na: two';
    assert.deepEqual(values(message, 'a'), ['one and more', 'two']);
  });

  it('are none where the paragraph holds other text, or is the subject', () => {
    assert.equal(parseTrailers('Chancery-Approve: removal').size, 0);
    assert.equal(parseTrailers('x\n\nChancery-Approve: removal\nis what I thought').size, 0);
    assert.equal(parseTrailers('x\n\nChancery-Approve: removal\n\nNot yet.').size, 0);
  });
});
